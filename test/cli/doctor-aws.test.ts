// `stepwell doctor aws`, and the end of a stack with its data, against servers of the tests' own for all that they ask.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { BatchClient, RegisterJobDefinitionCommand, UpdateJobQueueCommand } from "@aws-sdk/client-batch";
import { ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { BatchServer } from "../batch-server/server.ts";
import { usualQueues } from "../batch-server/setting.ts";
import { CloudFormationServer } from "../cloudformation-server/server.ts";
import { S3Server } from "../s3-server/server.ts";
import { useTestCredentials } from "../s3/fixture.ts";
import { Project } from "./project.ts";

const options = { timeout: 60_000 };

type Finding = { readonly check: string; readonly status: string; readonly found: string; readonly hint: string | null };

class Place {
  readonly project = new Project();
  readonly outputs: Readonly<Record<string, string>>;
  readonly formation: CloudFormationServer;
  readonly s3: S3Server;
  readonly batch: BatchServer;

  private constructor({ formation, s3, batch, outputs }: Pick<Place, "formation" | "s3" | "batch" | "outputs">) {
    this.formation = formation;
    this.s3 = s3;
    this.batch = batch;
    this.outputs = outputs;
  }

  /** A stack, and servers that have what it says of itself. */
  static async make(t: TestContext, image = "node"): Promise<Place> {
    useTestCredentials();
    const attributes = { "Serving.Data": `{"fingerprint":"${"ab".repeat(32)}"}` };
    const formation = await CloudFormationServer.start({ attributes, secret: () => "sw_token" });
    Object.assign(process.env, {
      AWS_ENDPOINT_URL_CLOUDFORMATION: formation.endpoint,
      AWS_ENDPOINT_URL_STS: formation.endpoint,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: formation.secretsEndpoint,
      AWS_REGION: "eu-west-1",
    });
    using project = new Project();
    await project.ask("aws deploy --yes");
    const { outputs } = JSON.parse(await project.ask("aws status --json")) as Place;
    const names = ["Queue", "OnDemandQueue", "Ec2Queue"].map((output) => outputs[output] ?? "");
    const queues = usualQueues.slice(0, names.length).map((queue, index) => ({ ...queue, jobQueueName: names[index] ?? "" }));
    const s3 = await S3Server.start({ bucket: outputs["Bucket"] ?? "" });
    const imageEnvironment = { PATH: process.env["PATH"] ?? "" };
    const batch = await BatchServer.start({ queues, timeScale: 100, imageEnvironment });
    Object.assign(process.env, { AWS_ENDPOINT_URL_S3: s3.url, AWS_ENDPOINT_URL_BATCH: batch.endpoint });
    const place = new Place({ formation, s3, batch, outputs });
    await place.registerProbe(image);
    t.after(async () => {
      place.project[Symbol.dispose]();
      await Promise.all([formation.close(), s3.close(), batch.close()]);
    });
    return place;
  }

  /** What the template's definition is. */
  async registerProbe(image: string): Promise<void> {
    const client = new BatchClient();
    const role = "arn:aws:iam::123456789012:role/stepwell";
    await client.send(
      new RegisterJobDefinitionCommand({
        jobDefinitionName: this.outputs["ProbeDefinition"],
        type: "container",
        platformCapabilities: ["FARGATE"],
        containerProperties: {
          image,
          command: ["node", "--version"],
          executionRoleArn: role,
          resourceRequirements: [
            { type: "VCPU", value: "0.25" },
            { type: "MEMORY", value: "512" },
          ],
        },
      }),
    );
    client.destroy();
  }

  async examine(words = ""): Promise<{ readonly exit: number; readonly found: ReadonlyMap<string, Finding> }> {
    const { exit, out, err } = await this.project.say(`doctor aws --json ${words}`);
    assert.equal(err, "");
    const { checks } = JSON.parse(out) as { readonly checks: readonly Finding[] };
    return { exit, found: new Map(checks.map((one) => [one.check, one])) };
  }
}

test("where all is well every check says so; the one rule that this bucket lacks is named with its remedy", options, async (t) => {
  const place = await Place.make(t);
  const { exit, found } = await place.examine();
  const failed = [...found.values()].filter(({ status }) => status !== "ok");
  assert.deepEqual(
    failed.map(({ check, hint }) => [check, hint]),
    [["policy", "the bucket lets blobs be overwritten: give it the rule WriteOnce of deploy/aws/stepwell.yaml"]],
  );
  assert.equal(exit, 5);
  const checks = ["account", "stack", "bucket", "write once", "checksums", "signed URLs", "policy", "queue", "job definition", "probe job"];
  assert.deepEqual([...found.keys()], checks);
  assert.equal(place.batch.jobs().length, 1);
  assert.equal(place.batch.jobs()[0]?.status, "SUCCEEDED");
  const left = place.s3.requests.filter((request) => request.startsWith("DELETE"));
  assert.ok(left.length >= 2, "what was tried with is deleted again");
});

test("a job that cannot start, and a queue that takes none, are told with AWS' own reason", options, async (t) => {
  const place = await Place.make(t, "no-such-image");
  const { found } = await place.examine();
  assert.match(found.get("probe job")?.found ?? "", /failed: CannotPullContainerError/);
  const client = new BatchClient();
  await client.send(new UpdateJobQueueCommand({ jobQueue: place.outputs["Ec2Queue"], state: "DISABLED" }));
  client.destroy();
  const again = await place.examine("--no-probe");
  assert.equal(again.found.get("queue")?.status, "failed");
  assert.match(again.found.get("queue")?.found ?? "", /Ec2Queue.* is DISABLED/);
  assert.ok(!again.found.has("probe job"));
});

test("without a stack, that is what is wrong", options, async (t) => {
  const place = await Place.make(t);
  const { exit, found } = await place.examine("--stack other");
  assert.equal(exit, 5);
  assert.equal(found.get("stack")?.hint, "stepwell aws deploy makes it; --stack and --region say which");
});

test("a stack ends with its data where that is asked for: the bucket is emptied, and nothing is kept", options, async (t) => {
  const place = await Place.make(t);
  const client = new S3Client();
  t.after(() => client.destroy());
  const Bucket = place.outputs["Bucket"];
  for (const Key of ["cas/00/one", "data/two"]) await client.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
  await place.project.ask("aws destroy --yes --delete-data");
  assert.deepEqual((await client.send(new ListObjectsV2Command({ Bucket }))).Contents ?? [], []);
  const [stack] = place.formation.stacks;
  const statuses = new Set(stack?.events.map(({ ResourceStatus }) => ResourceStatus));
  assert.ok(statuses.has("DELETE_COMPLETE") && !statuses.has("DELETE_SKIPPED"), [...statuses].join(", "));
  assert.equal((await place.project.say("aws status")).exit, 3);
});
