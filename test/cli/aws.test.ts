// `stepwell aws` and `configure` with the real SDK against a CloudFormation server of the tests' own, and the packaged template.

import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { useTestCredentials } from "../s3/fixture.ts";
import { CloudFormationServer } from "../cloudformation-server/server.ts";
import { Project } from "./project.ts";
import { hasTmux, Terminal } from "./tmux-terminal.ts";

const options = { timeout: 60_000 };
const fingerprint = "ab".repeat(32);
const attributes = { "Balancer.DNSName": "lb.example.org", "Serving.Data": `{"fingerprint":"${fingerprint}"}` };

type Place = { readonly server: CloudFormationServer; readonly project: Project };

async function place(t: TestContext): Promise<Place> {
  const server = await CloudFormationServer.start({ attributes, secret: () => "sw_the-admins-token", replacements: { Volume: "True" } });
  useTestCredentials();
  Object.assign(process.env, addressesOf(server));
  const project = new Project();
  t.after(async () => {
    project[Symbol.dispose]();
    await server.close();
  });
  return { server, project };
}

function addressesOf(server: CloudFormationServer): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_CLOUDFORMATION: server.endpoint,
    AWS_ENDPOINT_URL_STS: server.endpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: server.secretsEndpoint,
    AWS_REGION: "eu-west-1",
  };
}

test("deploy makes the stack, follows it, and writes a profile that is used from then on", options, async (t) => {
  const { project } = await place(t);
  const { exit, out, err } = await project.say("aws deploy --yes");
  assert.equal(exit, 0, err);
  assert.match(err, /^account \d{12} in eu-west-1, as arn:aws:iam::/);
  assert.match(err, /\+ +Bucket +AWS::S3::Bucket/);
  assert.match(err, /\d+ new resources, 0 changed, 0 removed/);
  assert.match(err, /✓ Bucket {2}CREATE_COMPLETE/);
  assert.match(out, /next:\n {2}stepwell run FILE\n/);
  const file = join(project.folder, "stepwell/config.json");
  const tokenFile = join(project.folder, "stepwell/stepwell.token");
  for (const one of [file, tokenFile]) assert.equal(statSync(one).mode & 0o777, 0o600);
  const profile = { coordinator: "lb.example.org:7420", fingerprint, tokenFile };
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { profile: "stepwell", profiles: { stepwell: profile } });
  const settings = JSON.parse(await project.ask("config show --json")) as Record<string, unknown>;
  assert.equal(settings["coordinator"], "lb.example.org:7420");
  assert.equal(settings["tokenFile"], tokenFile);
});

test("nothing is made where nobody agrees, and nothing of it is left", options, async (t) => {
  const { server, project } = await place(t);
  const { exit, err } = await project.say("aws deploy");
  assert.equal(exit, 2);
  assert.match(err, /nobody is there to agree, and so nothing was changed/);
  assert.ok(!server.operations.includes("ExecuteChangeSet"));
  assert.equal((await project.say("aws status")).exit, 3);
});

test("deploying again changes nothing, and keeps the parameters that it was given", options, async (t) => {
  const { server, project } = await place(t);
  await project.ask("aws deploy --yes --set Gpu=yes --set DataGiB=30");
  const again = await project.say("aws deploy --yes");
  assert.match(again.err, /stepwell is as it should be: nothing to change/);
  await project.ask("aws upgrade --yes --set LogDays=7");
  const { parameters } = JSON.parse(await project.ask("aws status --json")) as { readonly parameters: Record<string, string> };
  assert.deepEqual([parameters["Gpu"], parameters["DataGiB"], parameters["LogDays"]], ["yes", "30", "7"]);
  assert.equal(server.operations.filter((name) => name === "ExecuteChangeSet").length, 2);
});

test("what is replaced and cannot be had again is said", options, async (t) => {
  const { project } = await place(t);
  await project.ask("aws deploy --yes");
  const { err } = await project.say("aws deploy --yes --set DataGiB=40");
  assert.match(err, /~ +Volume +AWS::EC2::Volume +is replaced: the old one is kept, and not used any more/);
});

test("what fails is named with its reason, and the exit code says so", options, async (t) => {
  const { server, project } = await place(t);
  server.failResource("NatAddress", "The maximum number of addresses has been reached.");
  const { exit, err } = await project.say("aws deploy --yes --set WorkerSubnets=private");
  assert.equal(exit, 5);
  assert.match(err, /stepwell ended as ROLLBACK_COMPLETE/);
  assert.match(err, /NatAddress: The maximum number of addresses has been reached\./);
  const again = await project.say("aws deploy --yes");
  assert.equal(again.exit, 6);
  assert.match(again.err, /take it away first: stepwell aws destroy/);
  await project.ask("aws destroy --yes --delete-data");
  await project.ask("aws deploy --yes");
});

test("destroy keeps the data and says how to go on with it", options, async (t) => {
  const { server, project } = await place(t);
  await project.ask("aws deploy --yes");
  const { exit, out, err } = await project.say("aws destroy --yes");
  assert.equal(exit, 0, err);
  assert.match(err, /kept: bucket \S+ and its key, volume \S+/);
  assert.match(out, /aws deploy --set DataSnapshot=SNAPSHOT --set ExistingBucket=/);
  const skipped = server.stacks.at(-1)?.events.filter(({ ResourceStatus }) => ResourceStatus === "DELETE_SKIPPED") ?? [];
  assert.deepEqual(skipped.map(({ LogicalResourceId: id }) => id).toSorted(), ["Bucket", "Key", "Volume"]);
  assert.equal((await project.say("aws status")).exit, 3);
});

test("wrong words are refused before anything is asked of AWS", options, async (t) => {
  const { server, project } = await place(t);
  const { exit, err } = await project.say("aws deploy --yes --set Gpus=yes");
  assert.equal(exit, 2);
  assert.match(err, /--set Gpus: the stack has no such parameter\n {2}hint: did you mean .*Gpu/);
  assert.deepEqual(server.operations, []);
  const refused = await project.say("aws deploy --yes --set Gpu=many");
  assert.equal(refused.exit, 2);
  assert.match(refused.err, /Gpu/);
});

test("a profile is exported without what is of one machine, and imported on another", options, async (t) => {
  const { project } = await place(t);
  await project.ask("aws deploy --yes");
  const exported = await project.ask("configure export stepwell");
  assert.ok(!exported.includes("token"));
  using other = new Project();
  other.write("profile.json", exported);
  other.write("mine", "sw_mine\n");
  await other.ask("configure import profile.json --token-file mine");
  assert.match(await other.ask("configure show"), /stepwell +coordinator +lb\.example\.org:7420\n/);
  assert.equal(readFileSync(join(other.folder, "stepwell/stepwell.token"), "utf8"), "sw_mine\n");
  const again = await other.say("configure import profile.json");
  assert.equal(again.exit, 2, "a profile that is there is not replaced unasked");
  other.write("bad.json", '{ "profile": "x", "settings": { "keyFile": "/etc/key" } }');
  assert.match((await other.say("configure import bad.json")).err, /settings of another machine: keyFile/);
});

test("configure reads a stack that somebody else has made", options, async (t) => {
  const { project } = await place(t);
  await project.ask("aws deploy --yes --stack shared");
  using other = new Project();
  const written = JSON.parse(await other.ask("configure aws --stack shared --save-as team --json")) as Record<string, unknown>;
  assert.equal(written["profile"], "team");
  assert.equal((await other.say("configure aws --stack nothing")).exit, 3);
});

const inTerminal = { ...options, skip: hasTmux ? false : "tmux is not installed" };
const bin = fileURLToPath(new URL("../../cli/bin.cts", import.meta.url));

test("a person is shown the changes and asked, and types what configure needs", inTerminal, async (t) => {
  const { server } = await place(t);
  const terminal = new Terminal("", { columns: 110, rows: 45 });
  t.after(() => terminal.close());
  const env = {
    ...addressesOf(server),
    AWS_ACCESS_KEY_ID: "AKIATEST",
    AWS_SECRET_ACCESS_KEY: "testsecret",
    XDG_CONFIG_HOME: terminal.folder,
  };
  writeFileSync(
    join(terminal.folder, "env"),
    Object.entries(env)
      .map(([name, value]) => `export ${name}=${value}\n`)
      .join(""),
  );
  terminal.type(`. ./env; alias stepwell="node ${bin}"; clear`);

  terminal.type("stepwell aws deploy; echo ended with $?");
  await terminal.shows(/\d+ new resources, 0 changed, 0 removed\nMake these changes\? \(y\/N\):\s*$/);
  terminal.type("n");
  await terminal.shows(/nothing was changed\nended with 130\n/);
  assert.ok(!server.operations.includes("ExecuteChangeSet"));

  terminal.type("clear; stepwell aws deploy; echo ended with $?");
  await terminal.shows(/Make these changes\? \(y\/N\):\s*$/);
  terminal.type("y");
  await terminal.shows(/next:\n {2}stepwell run FILE\nended with 0\n/);

  writeFileSync(join(terminal.folder, "mine"), "sw_mine\n");
  terminal.type("clear; stepwell configure aws; echo ended with $?");
  await terminal.shows(/\(stack\/address\) \[stack\]:\s*$/);
  terminal.type("address");
  await terminal.shows(/Address of the coordinator \(host:port\):\s*$/);
  terminal.type("build.lan:7420");
  await terminal.shows(/Its fingerprint \(64 digits\):\s*$/);
  terminal.type(fingerprint);
  await terminal.shows(/File with your token:\s*$/);
  terminal.type("mine");
  await terminal.shows(/Name of the profile \[stepwell\]:\s*$/);
  terminal.type("lab");
  await terminal.shows(/stepwell run FILE --profile lab\nended with 0\n/);

  terminal.type("clear; stepwell aws destroy; echo ended with $?");
  await terminal.shows(/End it\? \(y\/N\):\s*$/);
  terminal.interrupt();
  await terminal.shows(/nothing was changed\nended with 2\n/);
});
