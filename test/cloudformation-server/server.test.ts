// The CloudFormation test server works out and carries out what templates say, and refuses what CloudFormation refuses.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  ExecuteChangeSetCommand,
  GetTemplateCommand,
  GetTemplateSummaryCommand,
  ValidateTemplateCommand,
  type CreateChangeSetCommandInput,
  type DescribeChangeSetCommandOutput,
  type StackEvent,
} from "@aws-sdk/client-cloudformation";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { testCredentials } from "../aws/signature.ts";
import { CloudFormationServer, type CloudFormationServerOptions } from "./server.ts";

const packaged = readFileSync(new URL("../../deploy/aws/stepwell.yaml", import.meta.url), "utf8");

const template = `
Parameters:
  Size: { Type: Number, Default: 2, MinValue: 1, MaxValue: 4 }
  Kind: { Type: String, Default: small, AllowedValues: [small, large] }
  Names: { Type: CommaDelimitedList, Default: "a, b" }
Conditions:
  IsLarge: !Equals [!Ref Kind, large]
  IsSmall: !Not [!Condition IsLarge]
Resources:
  Topic: { Type: AWS::SNS::Topic, Properties: { TopicName: !Sub "\${AWS::StackName}-\${Size}" } }
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    DependsOn: Topic
    Properties: { Tags: [{ Key: first, Value: !Select [0, !Ref Names] }, !If [IsLarge, { Key: large, Value: "yes" }, !Ref AWS::NoValue]] }
  Extra: { Type: AWS::SNS::Topic, Condition: IsLarge, Properties: { DisplayName: !Join ["-", [!GetAtt Topic.TopicArn, !Ref AWS::Region]] } }
Outputs:
  Bucket: { Value: !Ref Bucket }
  Topic: { Value: !GetAtt Topic.TopicArn, Description: Where it goes }
  Extra: { Condition: IsLarge, Value: !Ref Extra }
`;

class Fixture implements AsyncDisposable {
  readonly server: CloudFormationServer;
  readonly client: CloudFormationClient;

  private constructor(server: CloudFormationServer) {
    this.server = server;
    const { endpoint } = server;
    this.client = new CloudFormationClient({ endpoint, region: "eu-west-1", credentials: testCredentials, maxAttempts: 1 });
  }

  static async start(options: CloudFormationServerOptions = {}): Promise<Fixture> {
    return new Fixture(await CloudFormationServer.start(options));
  }

  async propose(more: Partial<CreateChangeSetCommandInput> = {}): Promise<DescribeChangeSetCommandOutput> {
    const input = { StackName: "s", ChangeSetName: `c${this.server.operations.length}`, TemplateBody: template, ...more };
    const { Id: ChangeSetName } = await this.client.send(new CreateChangeSetCommand({ ChangeSetType: "CREATE", ...input }));
    for (;;) {
      const set = await this.client.send(new DescribeChangeSetCommand({ ChangeSetName }));
      if (set.Status !== "CREATE_PENDING") return set;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** @returns the status in which the stack came to rest */
  async execute({ ChangeSetId: ChangeSetName, StackId }: DescribeChangeSetCommandOutput): Promise<string> {
    await this.client.send(new ExecuteChangeSetCommand({ ChangeSetName, ClientRequestToken: "t1" }));
    return this.rest(StackId ?? "");
  }

  async rest(StackName: string): Promise<string> {
    for (;;) {
      const { Stacks = [] } = await this.client.send(new DescribeStacksCommand({ StackName }));
      const status = Stacks[0]?.StackStatus ?? "";
      if (!status.endsWith("_IN_PROGRESS")) return status;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** The oldest first. */
  async events(StackName: string): Promise<{ readonly events: readonly StackEvent[]; readonly pages: number }> {
    const events: StackEvent[] = [];
    let NextToken: string | undefined;
    let pages = 0;
    do {
      const page = await this.client.send(new DescribeStackEventsCommand({ StackName, ...(NextToken !== undefined && { NextToken }) }));
      events.push(...(page.StackEvents ?? []));
      NextToken = page.NextToken;
      pages += 1;
    } while (NextToken !== undefined);
    return { events: events.toReversed(), pages };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy();
    await this.server.close();
  }
}

const brief = (events: readonly StackEvent[]): string[] => events.map((event) => `${event.LogicalResourceId} ${event.ResourceStatus}`);

describe("a stack", () => {
  test("is made by a change set, in the order of what needs what, and every step is an event", async () => {
    await using aws = await Fixture.start();
    const set = await aws.propose({ Tags: [{ Key: "owner", Value: "me" }] });
    assert.equal(set.ExecutionStatus, "AVAILABLE");
    assert.deepEqual(
      set.Changes?.map(({ ResourceChange }) => `${ResourceChange?.Action} ${ResourceChange?.LogicalResourceId}`),
      ["Add Topic", "Add Bucket"],
    );
    const { Stacks: proposed } = await aws.client.send(new DescribeStacksCommand({ StackName: "s" }));
    assert.equal(proposed?.[0]?.StackStatus, "REVIEW_IN_PROGRESS");
    assert.equal(await aws.execute(set), "CREATE_COMPLETE");
    const { events } = await aws.events("s");
    assert.deepEqual(brief(events), [
      "s REVIEW_IN_PROGRESS",
      "s CREATE_IN_PROGRESS",
      "Topic CREATE_IN_PROGRESS",
      "Topic CREATE_COMPLETE",
      "Bucket CREATE_IN_PROGRESS",
      "Bucket CREATE_COMPLETE",
      "s CREATE_COMPLETE",
    ]);
    assert.equal(events.at(-1)?.PhysicalResourceId, set.StackId);
    assert.equal(events.at(-1)?.ClientRequestToken, "t1");
    const { Stacks = [] } = await aws.client.send(new DescribeStacksCommand({}));
    const [stack] = Stacks;
    assert.deepEqual(
      stack?.Outputs?.map(({ OutputKey }) => OutputKey),
      ["Bucket", "Topic"],
    );
    assert.match(stack.Outputs[0]?.OutputValue ?? "", /^s-bucket-[0-9a-f]+$/);
    assert.deepEqual(stack.Tags, [{ Key: "owner", Value: "me" }]);
    assert.deepEqual(stack.Parameters?.[0], { ParameterKey: "Size", ParameterValue: "2" });
    assert.equal((await aws.client.send(new GetTemplateCommand({ StackName: "s" }))).TemplateBody, template);
  });

  test("changes as far as its template and its parameters do, and keeps its other values", async () => {
    await using aws = await Fixture.start({ replacements: { Topic: "True" } });
    await aws.execute(await aws.propose({ Parameters: [{ ParameterKey: "Size", ParameterValue: "3" }] }));
    const keep = { ParameterKey: "Size", UsePreviousValue: true };
    const same = await aws.propose({ ChangeSetType: "UPDATE", Parameters: [keep] });
    assert.equal(same.Status, "FAILED");
    assert.match(same.StatusReason ?? "", /didn't contain changes/);
    await assert.rejects(aws.client.send(new ExecuteChangeSetCommand({ ChangeSetName: same.ChangeSetId })), {
      name: "InvalidChangeSetStatusException",
    });
    await aws.client.send(new DeleteChangeSetCommand({ ChangeSetName: same.ChangeSetId }));
    await assert.rejects(aws.client.send(new DescribeChangeSetCommand({ ChangeSetName: same.ChangeSetId })), {
      name: "ChangeSetNotFoundException",
    });
    const large = await aws.propose({ ChangeSetType: "UPDATE", Parameters: [keep, { ParameterKey: "Kind", ParameterValue: "large" }] });
    const shown = (set: DescribeChangeSetCommandOutput): string[] | undefined =>
      set.Changes?.map(({ ResourceChange: change }) =>
        [change?.Action, change?.LogicalResourceId, change?.Replacement].filter(Boolean).join(" "),
      );
    assert.deepEqual(shown(large), ["Add Extra", "Modify Bucket False"]);
    assert.equal(await aws.execute(large), "UPDATE_COMPLETE");
    const small = await aws.propose({ ChangeSetType: "UPDATE" });
    assert.deepEqual(shown(small), ["Modify Topic True", "Modify Bucket False", "Remove Extra"]);
    assert.equal(await aws.execute(small), "UPDATE_COMPLETE");
    assert.deepEqual(brief((await aws.events("s")).events).slice(-4), [
      "s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
      "Extra DELETE_IN_PROGRESS",
      "Extra DELETE_COMPLETE",
      "s UPDATE_COMPLETE",
    ]);
  });

  test("that cannot be made is undone, and can only be ended then", async () => {
    await using aws = await Fixture.start();
    aws.server.failResource("Bucket", "s-bucket already exists");
    const set = await aws.propose();
    assert.equal(await aws.execute(set), "ROLLBACK_COMPLETE");
    const { events } = await aws.events("s");
    assert.equal(events.find((event) => event.ResourceStatus === "CREATE_FAILED")?.ResourceStatusReason, "s-bucket already exists");
    await assert.rejects(aws.propose({ ChangeSetType: "UPDATE" }), /is in ROLLBACK_COMPLETE state and can not be updated/);
    await aws.client.send(new DeleteStackCommand({ StackName: "s" }));
    assert.equal(await aws.rest(set.StackId ?? ""), "DELETE_COMPLETE");
    assert.equal(await aws.execute(await aws.propose()), "CREATE_COMPLETE");
  });

  test("that cannot be changed stays as it was", async () => {
    await using aws = await Fixture.start();
    await aws.execute(await aws.propose());
    aws.server.failResource("Bucket", "no");
    const large = { ChangeSetType: "UPDATE" as const, Parameters: [{ ParameterKey: "Kind", ParameterValue: "large" }] };
    assert.equal(await aws.execute(await aws.propose(large)), "UPDATE_ROLLBACK_COMPLETE");
    const { Stacks = [] } = await aws.client.send(new DescribeStacksCommand({ StackName: "s" }));
    assert.equal(Stacks[0]?.Parameters?.find(({ ParameterKey }) => ParameterKey === "Kind")?.ParameterValue, "small");
    assert.equal(await aws.execute(await aws.propose(large)), "UPDATE_COMPLETE", "and can be changed later");
  });

  test("that ends keeps what is to be kept, and is found by its id alone afterwards", async () => {
    await using aws = await Fixture.start();
    const set = await aws.propose();
    await aws.execute(set);
    const id = set.StackId ?? "";
    aws.server.failResource("Topic", "in use");
    await aws.client.send(new DeleteStackCommand({ StackName: "s" }));
    assert.equal(await aws.rest(id), "DELETE_FAILED");
    await aws.client.send(new DeleteStackCommand({ StackName: "s" }));
    assert.equal(await aws.rest(id), "DELETE_COMPLETE");
    const all = brief((await aws.events(id)).events);
    assert.ok(all.includes("Bucket DELETE_SKIPPED"));
    assert.equal(all.at(-1), "s DELETE_COMPLETE");
    await assert.rejects(aws.client.send(new DescribeStacksCommand({ StackName: "s" })), {
      name: "ValidationError",
      message: "Stack with id s does not exist",
    });
    assert.deepEqual((await aws.client.send(new DescribeStacksCommand({}))).Stacks, []);
  });

  test("of the package can be made, in pages of events, and says where its coordinator is", async () => {
    const attributes = { "Serving.Data": JSON.stringify({ coordinator: "SHA256:abc" }), "Balancer.DNSName": "stepwell.example" };
    await using aws = await Fixture.start({ attributes });
    const set = await aws.propose({ TemplateBody: packaged, Capabilities: ["CAPABILITY_IAM"] });
    assert.equal(await aws.execute(set), "CREATE_COMPLETE");
    const { Stacks = [] } = await aws.client.send(new DescribeStacksCommand({ StackName: "s" }));
    const outputs = new Map(Stacks[0]?.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
    assert.equal(outputs.get("Coordinator"), "stepwell.example:7420");
    assert.equal(outputs.get("Fingerprint"), "SHA256:abc");
    const { events, pages } = await aws.events("s");
    assert.ok(pages > 1);
    assert.equal(new Set(events.map(({ EventId }) => EventId)).size, events.length);
  });
});

describe("a change set is refused", () => {
  const refusals: readonly (readonly [string, Partial<CreateChangeSetCommandInput>, RegExp])[] = [
    [
      "with a parameter that there is not",
      { Parameters: [{ ParameterKey: "Other", ParameterValue: "1" }] },
      /\[Other\] do not exist in the template/,
    ],
    [
      "with a value that is not allowed",
      { Parameters: [{ ParameterKey: "Kind", ParameterValue: "huge" }] },
      /'Kind' must be one of AllowedValues/,
    ],
    [
      "with a number that is too large",
      { Parameters: [{ ParameterKey: "Size", ParameterValue: "5" }] },
      /'Size' must be a number not greater than 4/,
    ],
    ["with a previous value that there is not", { Parameters: [{ ParameterKey: "Size", UsePreviousValue: true }] }, /usePreviousValue/],
    ["for a stack that there is not", { ChangeSetType: "UPDATE" }, /Stack \[s\] does not exist/],
    ["without a word on roles", { TemplateBody: packaged }, /Requires capabilities : \[CAPABILITY_IAM\]/],
    ["with a template that is none", { TemplateBody: "a: [" }, /YAML not well-formed/],
    ["with a reference to nothing", { TemplateBody: "Resources: { T: { Type: AWS::SNS::Topic, Properties: { A: !Ref X } } }" }, /\[X\]/],
    [
      "with resources that need each other",
      { TemplateBody: "Resources: { A: { Type: T, DependsOn: B }, B: { Type: T, DependsOn: A } }" },
      /Circular dependency/,
    ],
    ["with a template of more than 51,200 bytes", { TemplateBody: `${template}# ${"x".repeat(51_200)}` }, /51200/],
  ];
  for (const [what, more, message] of refusals) {
    test(what, async () => {
      await using aws = await Fixture.start();
      await assert.rejects(aws.propose(more), message);
      assert.deepEqual(aws.server.stacks, []);
    });
  }

  test("when the stack is there already", async () => {
    await using aws = await Fixture.start();
    await aws.execute(await aws.propose());
    await assert.rejects(aws.propose(), /already exists/);
  });
});

test("templates can be looked at without a stack", async () => {
  await using aws = await Fixture.start();
  const summary = await aws.client.send(new GetTemplateSummaryCommand({ TemplateBody: template }));
  assert.deepEqual(summary.ResourceTypes, ["AWS::SNS::Topic", "AWS::S3::Bucket"]);
  assert.equal(summary.Parameters?.[0]?.DefaultValue, "2");
  const valid = await aws.client.send(new ValidateTemplateCommand({ TemplateBody: packaged }));
  assert.deepEqual(valid.Capabilities, ["CAPABILITY_IAM"]);
  await assert.rejects(aws.client.send(new ValidateTemplateCommand({ TemplateBody: "Resources: {}" })), /At least one Resources member/);
});

test("an identity and a secret are told to whoever signs well, and to nobody else", async () => {
  await using aws = await Fixture.start({ secret: (id) => (id === "token" ? "t0ken" : undefined) });
  const config = { region: "eu-west-1", credentials: testCredentials, maxAttempts: 1 };
  const sts = new STSClient({ ...config, endpoint: aws.server.endpoint });
  assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Account, "123456789012");
  const other = new STSClient({ ...config, endpoint: aws.server.endpoint, credentials: { ...testCredentials, secretAccessKey: "other" } });
  await assert.rejects(other.send(new GetCallerIdentityCommand({})), { name: "SignatureDoesNotMatch" });
  const unknown = new STSClient({
    ...config,
    endpoint: aws.server.endpoint,
    credentials: { ...testCredentials, accessKeyId: "AKIAOTHER" },
  });
  await assert.rejects(unknown.send(new GetCallerIdentityCommand({})), { name: "InvalidClientTokenId" });
  const secrets = new SecretsManagerClient({ ...config, endpoint: aws.server.secretsEndpoint });
  assert.equal((await secrets.send(new GetSecretValueCommand({ SecretId: "token" }))).SecretString, "t0ken");
  await assert.rejects(secrets.send(new GetSecretValueCommand({ SecretId: "x" })), { name: "ResourceNotFoundException" });
});

test("calls fail on request", async () => {
  await using aws = await Fixture.start();
  aws.server.faults.add({ fault: { kind: "error", status: 400, code: "Throttling" }, matches: "^DescribeStacks ", times: 1 });
  await assert.rejects(aws.client.send(new DescribeStacksCommand({})), { name: "Throttling" });
  assert.deepEqual((await aws.client.send(new DescribeStacksCommand({}))).Stacks, []);
});
