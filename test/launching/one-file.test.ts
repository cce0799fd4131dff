// The worker that is one file: in an empty folder, with nothing but Node in the path, as in an image that knows nothing of Stepwell.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { oneFileWorker } from "../../cli/cluster/worker-file.ts";
import { bootstrapCommand } from "../../coordinator/adapters/batch/bootstrap.ts";
import { startHttpServer, type HttpServer } from "../../coordinator/api/http/http-server.ts";
import { workerRoute } from "../../coordinator/api/http/worker-route.ts";
import { testCredentials } from "../aws/signature.ts";
import { startCoordinator } from "../cluster/processes.ts";
import { stepwell, temporaryFolder } from "../command.ts";
import { bucket } from "../s3/fixture.ts";
import { S3Server } from "../s3-server/server.ts";

const options = { timeout: 60_000 };
const given = oneFileWorker("the identity of a data folder");

const flow = `import { FlowSpec, step } from "stepwell";
import { openS3 } from "stepwell/s3";
import { namespace } from "stepwell/client";
export class ModulesFlow extends FlowSpec {
  declare found: string[];
  declare pid: number;
  @step async start() {
    await using s3 = openS3({ root: process.env["DATA"] });
    await s3.put("text", "kept");
    this.found = [await (await s3.get("text")).text(), typeof namespace];
    this.pid = process.ppid;
    return this.next(this.end);
  }
  @step end() {}
}
`;

async function serve(t: TestContext): Promise<HttpServer> {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };
  const server = await startHttpServer({ host: "127.0.0.1", port: 0, tls: null, routes: [workerRoute(given)], log });
  t.after(() => server.close());
  return server;
}

type Bare = { readonly child: ChildProcess; readonly temporary: string; said(pattern: RegExp): Promise<void> };

/** Nobody's environment but what is given. */
function startBare(t: TestContext, command: readonly string[], env: Readonly<Record<string, string>>): Bare {
  const folder = temporaryFolder();
  const [bin, temporary, cwd] = ["bin", "tmp", "empty"].map((name) => join(folder.path, name)) as [string, string, string];
  for (const each of [bin, temporary, cwd]) mkdirSync(each);
  symlinkSync(process.execPath, join(bin, "node"));
  const [program = "", ...words] = command;
  const child = spawn(join(bin, program), words, {
    cwd,
    env: { PATH: bin, TMPDIR: temporary, HOME: cwd, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  t.after(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    folder[Symbol.dispose]();
  });
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    text += part;
    child.emit("said");
  });
  const said = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(text)) {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${text}`);
      await Promise.race([once(child, "said"), once(child, "exit")]);
    }
  };
  return { child, temporary, said };
}

async function endedBy(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exit = once(child, "exit");
  child.kill(signal);
  const [code] = (await exit) as [number | null];
  return code;
}

test(
  "is fetched, let in by the cluster's fingerprint, runs steps with all modules, and leaves nothing when it drains",
  options,
  async (t) => {
    await using store = await S3Server.start({ bucket });
    using folder = temporaryFolder();
    folder.write("modules.ts", flow);
    const cluster = await startCoordinator(folder.path, ["--listen", "0.0.0.0:0"]);
    t.after(() => cluster.coordinator[Symbol.asyncDispose]());
    const listening = await cluster.coordinator.event("coordinator.listening");
    const { port } = await serve(t);
    const command = bootstrapCommand({ url: `http://127.0.0.1:${port}${given.path}`, sha256: given.sha256 });
    const trust = {
      STEPWELL_COORDINATOR: cluster.address.replace("0.0.0.0", "localhost"),
      STEPWELL_FINGERPRINT: String(listening["fingerprint"]),
    };
    const data = {
      DATA: `s3://${bucket}/data?endpoint=${store.url}`,
      AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
    };
    const { child, temporary } = startBare(t, [...command, "--slots", "2"], { ...trust, STEPWELL_TOKEN: cluster.token(), ...data });
    await cluster.coordinator.event("worker.connected");
    const env = { ...cluster.env, ...trust };
    const begun = await stepwell(folder.path, ["run", "modules.ts", "--detach"], { env });
    assert.equal(begun.code, 0, begun.stderr);
    const watched = await stepwell(folder.path, ["watch", "ModulesFlow/1"], { env });
    assert.equal(watched.code, 0, watched.stdout + watched.stderr);
    const found = await stepwell(folder.path, ["get", "ModulesFlow/1/start/0/found", "--json"], { env });
    assert.deepEqual(JSON.parse(found.stdout), ["kept", "function"], found.stderr);
    const pid = await stepwell(folder.path, ["get", "ModulesFlow/1/start/0/pid", "--json"], { env });
    assert.equal(JSON.parse(pid.stdout), child.pid);
    assert.equal(await endedBy(child, "SIGTERM"), 0);
    assert.deepEqual(readdirSync(temporary), []);
  },
);

test("of other bytes than its hash names nothing is run, and whoever waits for the right ones can be ended", options, async (t) => {
  const { port } = await serve(t);
  const other = "0".repeat(64);
  const { child, temporary, said } = startBare(t, bootstrapCommand({ url: `http://127.0.0.1:${port}${given.path}`, sha256: other }), {});
  await said(new RegExp(`cannot fetch the worker from http:.*: its SHA-256 is not ${other}`));
  assert.deepEqual(readdirSync(temporary), []);
  assert.equal(await endedBy(child, "SIGTERM"), 0);
});

test("where nothing is, it says so and asks again", options, async (t) => {
  const { port } = await serve(t);
  const wrong = startBare(t, bootstrapCommand({ url: `http://127.0.0.1:${port}/worker/1`, sha256: given.sha256 }), {});
  await wrong.said(/it answers 404/);
  assert.equal(await endedBy(wrong.child, "SIGTERM"), 0);
});

test("the command fits into a job definition with room for all else; the licences of what the file holds are beside it", () => {
  const command = bootstrapCommand({ url: `https://coordinator.example:7421${given.path}`, sha256: given.sha256 });
  assert.ok(JSON.stringify(command).length < 2048);
  const licences = readFileSync(new URL("../../dist/worker/standalone.LICENCES.txt", import.meta.url), "utf8");
  for (const name of ["@grpc/grpc-js", "@aws-sdk/client-s3", "pino"]) assert.match(licences, new RegExp(`^${name} `, "m"));
});
