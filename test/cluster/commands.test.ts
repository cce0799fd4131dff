// A cluster as people start it: a coordinator and workers from the command line, and runs from folders that know neither.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bin, cleanEnvironment, processesOf, root, stepwell, temporaryFolder } from "../command.ts";
import { Service, startCoordinator, startWorker, type Cluster } from "./processes.ts";

const options = { timeout: 60_000 };

/** Tasks write their number to a file and wait until the gate, a file too, is there. */
const gateFlow = `import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as after } from "node:timers/promises";
import { FlowSpec, parameter, step, type Inputs } from "stepwell";
export class GateFlow extends FlowSpec {
  folder = parameter.string();
  declare items: number[];
  declare sum: number;
  declare large: Float64Array;
  @step start() {
    this.items = [1, 2];
    return this.next(this.work, { foreach: "items" });
  }
  @step async work(item: number) {
    writeFileSync(this.folder + "/started-" + item, String(process.pid));
    while (!existsSync(this.folder + "/gate")) await after(10);
    this.sum = item;
    this.large = new Float64Array(100_000).fill(item);
    console.log("through the gate: " + item);
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.sum = inputs.map((input) => input.sum + input.large[99_999]!).reduce((a, b) => a + b, 0);
    return this.next(this.end);
  }
  @step end() {}
}
`;

/** A folder of somebody who uses the cluster. */
function userFolder(cluster: Cluster): string {
  const folder = join(cluster.folder, "user");
  mkdirSync(folder);
  writeFileSync(join(folder, "gate.ts"), gateFlow);
  return folder;
}

async function submitted(folder: string, env: Cluster["env"]): Promise<string> {
  const ran = await stepwell(folder, ["run", "gate.ts", "--folder", folder, "--detach"], { env });
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /come back: stepwell watch GateFlow\/1/);
  return ran.stdout.trim();
}

async function started(folder: string, item: number): Promise<void> {
  for (;;) {
    try {
      if (readFileSync(join(folder, `started-${item}`), "utf8") !== "") return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

type Status = { readonly status: string; readonly taskList: readonly { readonly attempts: readonly unknown[] }[] };

async function statusOf(folder: string, run: string, env: Cluster["env"]): Promise<Status> {
  return JSON.parse((await stepwell(folder, ["status", run, "--tasks", "--json"], { env })).stdout) as Status;
}

test("a run is left to the cluster, watched from another folder, and its results are read from a third", options, async () => {
  using temporary = temporaryFolder();
  const cluster = await startCoordinator(temporary.path);
  await using _coordinator = cluster.coordinator;
  // Whoever looks for the folder now finds another one, as on another machine: everything goes over HTTP.
  writeFileSync(join(temporary.path, "data/artifacts/mark"), "of another machine\n");
  await using _one = await startWorker(cluster, 0);
  await using _two = await startWorker(cluster, 1);
  const folder = userFolder(cluster);
  const run = await submitted(folder, cluster.env);
  await Promise.all([started(folder, 1), started(folder, 2)]);
  const workers = await stepwell(temporary.path, ["workers"], { env: cluster.env });
  assert.match(workers.stdout, /ready .* 1\/1 +work ×1 /);
  writeFileSync(join(folder, "gate"), "");
  const elsewhere = join(temporary.path, "elsewhere");
  mkdirSync(elsewhere);
  const watched = await stepwell(elsewhere, ["watch", run], { env: cluster.env });
  assert.equal(watched.code, 0, watched.stderr);
  assert.match(watched.stdout, /work\/0 \| through the gate: 1\n/);
  assert.match(watched.stdout, /✓ GateFlow\/1 succeeded/);
  const got = await stepwell(elsewhere, ["get", `${run}/end/0/sum`, "--json"], { env: cluster.env });
  assert.equal(got.stdout, "6\n", got.stderr);
  const program = `import { Stepwell } from "stepwell/client";
const coordinator = process.env.STEPWELL_COORDINATOR;
delete process.env.STEPWELL_COORDINATOR;
const client = new Stepwell({ coordinator, token: process.env.TOKEN });
const task = await client.task("${run}/work/1");
console.log(task.data.large.length, await (await client.artifact("${run}/end/0/sum")).value());
await client.close();
`;
  writeFileSync(join(elsewhere, "read.mjs"), program);
  mkdirSync(join(elsewhere, "node_modules"));
  symlinkSync(root, join(elsewhere, "node_modules/stepwell"));
  const TOKEN = readFileSync(cluster.env["STEPWELL_TOKEN_FILE"] ?? "", "utf8").trim();
  const env = { ...cleanEnvironment(), STEPWELL_COORDINATOR: cluster.address, TOKEN };
  const read = spawnSync(process.execPath, ["read.mjs"], { cwd: elsewhere, env, encoding: "utf8", timeout: 30_000 });
  assert.equal(read.stdout, "100000 6\n", read.stderr);
});

test("`run` takes part in its own run, and ends with the run; so does a program", options, async () => {
  using temporary = temporaryFolder();
  const cluster = await startCoordinator(temporary.path);
  await using _coordinator = cluster.coordinator;
  const folder = userFolder(cluster);
  writeFileSync(join(folder, "gate"), "");
  const ran = await stepwell(folder, ["run", "gate.ts", "--folder", folder, "--json"], { env: cluster.env });
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal((JSON.parse(ran.stdout) as Status).status, "succeeded");
  const { worker_id: id } = await cluster.coordinator.event("worker.connected");
  assert.match(String(id), /^tester@/);
  await cluster.coordinator.event("worker.disconnected");
  const program = `import { run } from "stepwell/runner";
const finished = await run("gate.ts", { folder: process.cwd() });
console.log(finished.pathspec, finished.status, finished.data.sum);
`;
  writeFileSync(join(folder, "run.mjs"), program);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/stepwell"));
  const env = { ...cleanEnvironment(), ...cluster.env };
  const finished = spawnSync(process.execPath, ["run.mjs"], { cwd: folder, env, encoding: "utf8", timeout: 30_000 });
  assert.equal(finished.stdout, "GateFlow/2 succeeded 6\n", finished.stderr);
});

test("a terminal that is closed leaves its run to the cluster, and a stranger gets nothing", options, async () => {
  using temporary = temporaryFolder();
  const cluster = await startCoordinator(temporary.path);
  await using _coordinator = cluster.coordinator;
  const folder = userFolder(cluster);
  const words = ["run", "gate.ts", "--folder", folder];
  await using terminal = new Service(words, { cwd: folder, env: cluster.env });
  await Promise.all([started(folder, 1), started(folder, 2)]);
  terminal.signal("SIGHUP");
  assert.equal(await terminal.ended(), 129, terminal.text);
  assert.match(terminal.text, /detached from GateFlow\/1: .*come back: stepwell watch GateFlow\/1/);
  assert.deepEqual(processesOf(join(folder, "started-")), []);
  const stranger = { ...cluster.env, STEPWELL_TOKEN: "sw_stranger", STEPWELL_TOKEN_FILE: "" };
  assert.equal((await stepwell(folder, ["runs"], { env: stranger })).code, 4);
  assert.equal((await stepwell(folder, ["worker"], { env: stranger })).code, 4);
  await using _worker = await startWorker(cluster, 1, ["--slots", "2"]);
  writeFileSync(join(folder, "gate"), "");
  const watched = await stepwell(folder, ["watch", "latest"], { env: cluster.env });
  assert.match(watched.stdout, /✓ GateFlow\/1 succeeded/, watched.stderr);
});

test("SIGTERM lets a worker finish what it runs; a worker that is sent away does so too, and leaves", options, async () => {
  using temporary = temporaryFolder();
  const cluster = await startCoordinator(temporary.path);
  await using _coordinator = cluster.coordinator;
  await using one = await startWorker(cluster, 0);
  await using two = await startWorker(cluster, 1);
  const folder = userFolder(cluster);
  const run = await submitted(folder, cluster.env);
  await Promise.all([started(folder, 1), started(folder, 2)]);
  one.signal("SIGTERM");
  await one.event("service.stopping");
  const second = String((await cluster.coordinator.event("worker.connected", 1))["worker_id"]);
  const drained = await stepwell(folder, ["worker", "drain", second], { env: cluster.env });
  assert.equal(drained.code, 0, drained.stderr);
  assert.match(drained.stdout, /draining: 1 task to finish/);
  await cluster.coordinator.event("worker.draining", 1);
  assert.match((await stepwell(folder, ["worker", "inspect", second], { env: cluster.env })).stdout, /GateFlow\/1\/work\/[01] +0\n/);
  writeFileSync(join(folder, "gate"), "");
  assert.equal(await one.ended(), 0, one.text);
  assert.equal(await two.ended(), 0, two.text);
  assert.match(two.text, /worker.sentAway/);
  await using _third = await startWorker(cluster, 2);
  assert.equal((await stepwell(folder, ["watch", run], { env: cluster.env })).code, 0);
  assert.ok((await statusOf(folder, run, cluster.env)).taskList.every(({ attempts }) => attempts.length === 1));
});

test("a coordinator that is killed takes its runs up again when it starts, and who watches is told and stays", options, async () => {
  using temporary = temporaryFolder();
  const cluster = await startCoordinator(temporary.path);
  await using first = cluster.coordinator;
  await using _one = await startWorker(cluster, 0, ["--slots", "2"]);
  const folder = userFolder(cluster);
  const run = await submitted(folder, cluster.env);
  await Promise.all([started(folder, 1), started(folder, 2)]);
  const watching = spawn(process.execPath, [bin, "watch", run], { cwd: folder, env: { ...cleanEnvironment(), ...cluster.env } });
  using _killed = { [Symbol.dispose]: () => void watching.kill("SIGKILL") };
  let told = "";
  const says = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => (told.includes(text) ? resolve() : void watching.stdout.once("data", () => setImmediate(look)));
      look();
    });
  watching.stdout.on("data", (chunk: Buffer) => (told += String(chunk)));
  await says("run started");
  // A start that is not in the ledger yet when the coordinator dies costs a repeated task.
  await stepwell(folder, ["status", run], { env: cluster.env });
  first.signal("SIGKILL");
  await first.ended();
  await says("does not answer");
  const again = await startCoordinator(temporary.path, ["--listen", cluster.address]);
  await using _second = again.coordinator;
  await says("the coordinator answers again");
  assert.equal((await again.coordinator.event("run.adopted"))["run_id"], run);
  writeFileSync(join(folder, "gate"), "");
  await says(`✓ ${run} succeeded`);
  assert.equal(told.split("through the gate: 1\n").length, 2, told);
  const { taskList } = await statusOf(folder, run, cluster.env);
  const repeated = taskList.filter(({ attempts }) => attempts.length !== 1);
  assert.deepEqual(repeated, [], again.coordinator.text);
});

test("a data folder has one coordinator: the second is told of the first, and a stopped one gives it back", options, async () => {
  using temporary = temporaryFolder();
  const cluster = await startCoordinator(temporary.path);
  await using coordinator = cluster.coordinator;
  const words = ["coordinator", "--data", join(temporary.path, "data"), "--listen", "127.0.0.1:0"];
  const second = await stepwell(temporary.path, words);
  assert.equal(second.code, 6);
  assert.match(
    second.stderr,
    new RegExp(`is served already by process ${coordinator.child.pid} on .*, at ${cluster.address}\n.*--data DIR`),
  );
  coordinator.signal("SIGTERM");
  assert.equal(await coordinator.ended(), 0, coordinator.text);
  await using third = new Service(words, { cwd: temporary.path });
  await third.event("coordinator.listening");
});

test("without its coordinator, a command says whose it was and what to do", options, async () => {
  using temporary = temporaryFolder();
  const env = { STEPWELL_COORDINATOR: "127.0.0.1:1" };
  const ran = await stepwell(temporary.path, ["runs"], { env });
  assert.equal(ran.code, 5);
  assert.match(
    ran.stderr,
    /error\[SW5001\]: the coordinator at 127\.0\.0\.1:1 does not answer: nothing listens there \(ECONNREFUSED\)\n {2}the coordinator is that of STEPWELL_COORDINATOR\n {2}hint: start one with `stepwell coordinator`/,
  );
  const local = await stepwell(temporary.path, ["runs", "--local"], { env });
  assert.equal(local.code, 3, local.stderr);
  assert.equal((await stepwell(temporary.path, ["workers", "--local"], { env })).code, 2);
});

test("`up` starts a whole cluster that goes on alone, and `down` leaves nothing of it", options, async () => {
  using temporary = temporaryFolder();
  const up = await stepwell(temporary.path, ["up", "--detach", "--no-nats", "--workers", "1", "--listen", "127.0.0.1:0"]);
  assert.equal(up.code, 0, up.stderr);
  const env = Object.fromEntries([...up.stdout.matchAll(/export (\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]));
  assert.equal((await stepwell(temporary.path, ["workers", "--quiet"], { env })).stdout.split("\n").length, 2);
  const twice = await stepwell(temporary.path, ["up", "--no-nats"]);
  assert.equal(twice.code, 6);
  writeFileSync(join(temporary.path, "gate.ts"), gateFlow);
  writeFileSync(join(temporary.path, "gate"), "");
  const run = await submitted(temporary.path, env);
  assert.equal((await stepwell(temporary.path, ["watch", run], { env })).code, 0);
  const down = await stepwell(temporary.path, ["down"]);
  assert.equal(down.stdout, "ended: up, worker-1, coordinator\n", down.stderr);
  assert.deepEqual(processesOf(temporary.path), []);
  assert.equal((await stepwell(temporary.path, ["down"])).code, 3);
});
