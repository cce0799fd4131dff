// `stepwell/s3` inside of steps: the built command, real task processes, a strict server. Needs a built dist/.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stepwell, temporaryFolder } from "../command.ts";
import { startCoordinator, startWorker } from "../cluster/processes.ts";
import { bucket, useTestCredentials } from "../s3/fixture.ts";
import { S3Server } from "../s3-server/server.ts";

const options = { timeout: 60_000 };

function flowText(start: string, work: string): string {
  return `import { current, FlowSpec, step, type Inputs } from "stepwell";
import { openS3 } from "stepwell/s3";
export class DataFlow extends FlowSpec {
  declare numbers: number[];
  declare process: number;
  declare text: string;
  declare processes: number;
  @step async start() {
    this.numbers = [1, 2, 3, 4];
    ${start}
    return this.next(this.work, { foreach: "numbers" });
  }
  @step async work(number: number) {
    this.process = process.pid;
    ${work}
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.text = inputs.map((input) => input.text).join();
    this.processes = new Set(inputs.map((input) => input.process)).size;
    return this.next(this.end);
  }
  @step end() {}
}
`;
}

const start = `await using s3 = openS3({ run: current.run });
    await s3.putMany(this.numbers.map((number) => ({ key: "in/" + number, value: "text " + number })));`;

const work = `await using s3 = openS3({ run: current.run });
    const file = await s3.get("in/" + number);
    if (!file.path.startsWith(current.tempDir)) throw new Error(file.path);
    this.text = await file.text();`;

type Json = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

function valueOf(got: Json): unknown {
  assert.equal(got.code, 0, got.stderr);
  return JSON.parse(got.stdout);
}

test("steps write and read their run's folder, and a process that is left clean is used again", options, async () => {
  await using server = await S3Server.start({ bucket });
  useTestCredentials();
  using folder = temporaryFolder();
  folder.write("data.ts", flowText(start, work));
  const env = { STEPWELL_DATA_ROOT: `s3://${bucket}/data?endpoint=${server.url}`, TMPDIR: folder.path };
  const ran = await stepwell(folder.path, ["run", "data.ts", "--max-workers", "1"], { env });
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  assert.equal(valueOf(await stepwell(folder.path, ["get", "DataFlow/1/end/0/text", "--json"])), "text 1,text 2,text 3,text 4");
  assert.equal(valueOf(await stepwell(folder.path, ["get", "DataFlow/1/end/0/processes", "--json"])), 1);
  const keys = [...server.bucket(bucket).objects.keys()].toSorted();
  assert.deepEqual(
    keys,
    ["1", "2", "3", "4"].map((number) => `data/DataFlow/1/in/${number}`),
  );
});

test("files that were fetched are gone when the step fails without closing, or its process is killed", options, async () => {
  await using server = await S3Server.start({ bucket });
  useTestCredentials();
  for (const end of [`throw new Error("on purpose")`, `process.kill(process.pid, "SIGKILL")`]) {
    using folder = temporaryFolder();
    const fetching = `const s3 = openS3({ run: current.run });
    const file = await s3.get("in/" + number);
    console.log("fetched " + file.path);
    ${end};`;
    folder.write("data.ts", flowText(start, fetching));
    const env = { STEPWELL_DATA_ROOT: `s3://${bucket}/data?endpoint=${server.url}`, TMPDIR: folder.path };
    const ran = await stepwell(folder.path, ["run", "data.ts", "--max-workers", "1"], { env });
    assert.equal(ran.code, 1, ran.stdout + ran.stderr);
    const [, fetched = ""] = /fetched (\S+)/.exec(ran.stdout + ran.stderr) ?? [];
    assert.ok(fetched.startsWith(folder.path), fetched);
    const left = readdirSync(folder.path, { recursive: true }).map(String);
    assert.deepEqual(
      left.filter((path) => /(^|\/)s3-/.test(path)),
      [],
      end,
    );
  }
});

test(
  "in a cluster whose artifacts are in a bucket, its data folder is that of steps, which need credentials of their own",
  options,
  async () => {
    await using server = await S3Server.start({ bucket });
    using folder = temporaryFolder();
    useTestCredentials();
    const store = `s3://${bucket}/team?endpoint=${server.url}`;
    const cluster = await startCoordinator(folder.path, ["--listen", "127.0.0.1:0", "--store", store]);
    await using _coordinator = cluster.coordinator;
    folder.write("data.ts", flowText(start, work));
    const none = { AWS_EC2_METADATA_DISABLED: "true", AWS_CONFIG_FILE: "/nonexistent", AWS_SHARED_CREDENTIALS_FILE: "/nonexistent" };
    const run = (...words: readonly string[]): Promise<Json> =>
      stepwell(folder.path, ["run", "data.ts", ...words], { env: { ...cluster.env, STEPWELL_DATA_ROOT: "s3://of-this-machine" } });
    {
      await using _worker = await startWorker(cluster, 0, ["--cache", join(folder.path, "cache")]);
      const ran = await run("--detach");
      assert.equal(ran.code, 0, ran.stderr);
      const watched = await stepwell(folder.path, ["watch", "DataFlow/1"], { env: cluster.env });
      assert.equal(watched.code, 0, watched.stdout + watched.stderr);
    }
    assert.ok(server.bucket(bucket).objects.has("team/data/DataFlow/1/in/4"));
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) delete process.env[name];
    Object.assign(process.env, none);
    try {
      await using _worker = await startWorker(cluster, 1, ["--cache", join(folder.path, "cache-two")]);
      await run("--detach");
      const watched = await stepwell(folder.path, ["watch", "DataFlow/2"], { env: cluster.env });
      assert.equal(watched.code, 1, watched.stdout + watched.stderr);
      const said = watched.stdout + watched.stderr;
      assert.match(said, /s3:\/\/test\/team\/data\/DataFlow\/2\/in\/\d could not be written/);
      assert.match(said, /a step has no keys but its own: give its machine or container a role, or name a profile with @environment/);
    } finally {
      for (const name of Object.keys(none)) delete process.env[name];
    }
  },
);
