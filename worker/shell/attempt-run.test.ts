// Attempts in real processes. The program that they run is the task process's own loop around steps of plain JavaScript.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Failure } from "../../proto/failure.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import type { LogText } from "../../sdk/wire/worker-items.ts";
import { SpawnedTaskProcesses } from "../adapters/task-process/spawned.ts";
import { buildStepsProgram } from "../../test/worker/steps-program.ts";
import { AttemptRun } from "./attempt-run.ts";
import type { OrderHead } from "./order-head.ts";
import { ProcessPool } from "./process-pool.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-attempt-"));
const program = join(folder, "program.cjs");
let processes: SpawnedTaskProcesses;
let pool: ProcessPool;

before(async () => {
  await buildStepsProgram(program);
  processes = new SpawnedTaskProcesses({
    marker: `attempt-run-test-${process.pid}`,
    storage: () => ({ root: folder, access: "files", hidden: [] }),
    tempRoot: join(folder, "temp"),
    program,
  });
  pool = new ProcessPool({ processes, slots: 2 });
});

after(async () => {
  await pool.close();
  rmSync(folder, { recursive: true, force: true });
});

type Order = Partial<OrderHead> & { readonly step: string; readonly [more: string]: unknown };
type Ended = { readonly outcome: TaskOutcome | null; readonly lines: readonly LogText[]; readonly texts: readonly string[] };
type Started = { readonly run: AttemptRun; readonly ended: Promise<Ended>; printed(pattern: RegExp): Promise<RegExpExecArray> };

function start(order: Order): Started {
  const head: OrderHead = {
    codePackage: "a",
    environment: {},
    isolated: false,
    timeoutSeconds: null,
    memoryMiB: null,
    hasSecrets: false,
    ...order,
  };
  const lines: LogText[] = [];
  let outcome: TaskOutcome | null = null;
  const { promise: ended, resolve } = Promise.withResolvers<Ended>();
  const run = new AttemptRun({ bytes: Buffer.from(JSON.stringify({ ...head, ...order })), head }, pool, {
    blobs: null,
    onLines: (more) => lines.push(...more),
    onOutcome: (bytes) => {
      assert.equal(outcome, null, "one outcome");
      outcome = JSON.parse(Buffer.from(bytes).toString()) as TaskOutcome;
    },
    onEnded: () => resolve({ outcome, lines, texts: lines.map((line) => line.text) }),
  });
  run.start();
  const printed = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = lines.map((line) => pattern.exec(line.text)).find((match) => match !== null);
      if (found) return found;
      await sleep(5);
    }
  };
  return { run, ended, printed };
}

async function failureOf(order: Order): Promise<Failure> {
  return failureIn(await start(order).ended);
}

function failureIn({ outcome }: Ended): Failure {
  assert.equal(outcome?.kind, "failed");
  return outcome.failure;
}

async function pidOf(order: Order): Promise<number> {
  const { outcome, texts } = await start(order).ended;
  assert.equal(outcome?.kind, "succeeded", JSON.stringify(outcome));
  return Number(texts.at(-1)?.split(" ")[0]);
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

async function untilGone(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (pids.some(isAlive)) {
    assert.ok(performance.now() < deadline, `still there: ${pids.filter(isAlive).join(", ")}`);
    await sleep(5);
  }
}

test("a process is used again after a clean attempt, for the same code package only", async () => {
  const first = await pidOf({ step: "pid" });
  assert.equal(await pidOf({ step: "pid" }), first);
  assert.notEqual(await pidOf({ step: "pid", codePackage: "b" }), first);
});

test("a process that was started with other variables is not used", async () => {
  const plain = await pidOf({ step: "pid" });
  const other = await pidOf({ step: "pid", environment: { COLOUR: "red" } });
  assert.notEqual(other, plain);
  assert.equal(await pidOf({ step: "pid", environment: { COLOUR: "red" } }), other);
});

test("an isolated attempt has a process that nobody used before or uses afterwards", async () => {
  const warm = await pidOf({ step: "pid" });
  const isolated = await pidOf({ step: "pid", isolated: true });
  assert.notEqual(isolated, warm);
  assert.notEqual(await pidOf({ step: "pid", isolated: true }), isolated);
  await untilGone([isolated]);
});

const leaks: readonly (readonly [string, string])[] = [
  ["a timer", "setInterval(() => {}, 1000)"],
  ["an environment variable", "process.env.LEAK = '1'"],
  ["a deleted environment variable", "delete process.env.PATH"],
  ["the working directory", "process.chdir('/')"],
  ["a global", "globalThis.leak = 1"],
  ["a replaced global", "globalThis.fetch = () => {}"],
  ["a patched built-in", "Date.now = () => 0"],
  ["an extended prototype", "Array.prototype.leak = 1"],
  ["a handler of uncaught errors", "process.on('uncaughtException', () => {})"],
  ["a replaced way to print", "process.stdout.write = () => true; console.log = () => {}; console.error(process.pid)"],
  ["an exit code", "process.exitCode = 3"],
];

for (const [name, code] of leaks) {
  test(`a process in which a step left ${name} is not used again`, async () => {
    const leaky = await pidOf({ step: "leak", code });
    assert.notEqual(await pidOf({ step: "pid" }), leaky);
    await untilGone([leaky]);
  });
}

test("a process in which a step looked at its environment, cleared its timers and printed is used again", async () => {
  const tidy = await pidOf({ step: "leak", code: "clearInterval(setInterval(() => {}, 9)); process.env.PATH; console.error('x')" });
  assert.equal(await pidOf({ step: "pid" }), tidy);
});

test("a timer that a step left without a hold on its process doesn't fire in the next attempt", async () => {
  const code = "setInterval(() => console.log('late'), 1).unref()";
  const pid = await pidOf({ step: "leak", code });
  const { texts } = await start({ step: "keep", keepMs: 30 }).ended;
  assert.deepEqual(texts, [`keeping ${pid}`]);
});

test("each attempt finds its temporary folder empty", async () => {
  assert.equal(await pidOf({ step: "temp" }), await pidOf({ step: "temp" }));
});

test("output goes to the attempt that printed it, in order, also without a last line end", async () => {
  for (let turn = 0; turn < 100; turn += 1) {
    const { texts } = await start({ step: "burst", text: `t${turn}` }).ended;
    assert.deepEqual(
      texts,
      Array.from({ length: 50 }, (_, i) => `t${turn} ${i}`),
    );
  }
});

test("a flood of 50 MB is cut in the middle, says so, and neither fills the worker nor loses the end", async () => {
  const { outcome, lines } = await start({ step: "flood" }).ended;
  assert.equal(outcome?.kind, "succeeded");
  const notice = lines.findIndex((line) => line.stream === "system");
  const dropped = Number(/^stepwell: (\d+) lines/.exec(lines[notice]?.text ?? "")?.[1]);
  assert.ok(notice > 90_000 && notice < 100_000, `after ${notice} lines`);
  const whole = lines.filter((line) => line.text.length === 99).length;
  assert.ok(Math.abs(whole + dropped - 50 * 10240) <= 1, `${whole} + ${dropped}`);
});

test("process.exit in a step is an exit, and its output is kept", async () => {
  const ended = await start({ step: "exit" }).ended;
  assert.deepEqual(failureIn(ended), { kind: "exit", code: 0 });
  assert.deepEqual(ended.texts, ["last words"]);
});

test("an abort and a segmentation fault are signals", async () => {
  assert.deepEqual(await failureOf({ step: "abort" }), { kind: "signal", signal: "SIGABRT" });
  const { ended, printed } = start({ step: "block" });
  process.kill(Number((await printed(/blocking (\d+)/))[1]), "SIGSEGV");
  assert.deepEqual(failureIn(await ended), { kind: "signal", signal: "SIGSEGV" });
});

test("an exhausted heap is out of memory", async () => {
  const failure = await failureOf({ step: "heap", environment: { NODE_OPTIONS: "--max-old-space-size=24" } });
  assert.equal(failure.kind, "outOfMemory");
  assert.ok(failure.peakMiB > 8, `peak ${failure.peakMiB} MiB`);
});

test("an attempt that holds less than it may is left alone, also in a process that held more before", async () => {
  const first = await pidOf({ step: "swellAndGo", sizeMiB: 300 });
  assert.equal(await pidOf({ step: "swellAndGo", memoryMiB: 200, sizeMiB: 60 }), first);
});

test("an attempt that is given back has until the end of its grace time, and says who gave it back", async () => {
  const { run, ended, printed } = start({ step: "hang" });
  const pid = Number((await printed(/hanging (\d+)/))[1]);
  run.giveBack("w1", 300);
  assert.deepEqual(failureIn(await ended), { kind: "returned", worker: "w1", why: "drained" });
  await untilGone([pid]);
});

test("an exception, a rejection that nobody handles and an exception in a timer are user errors", async () => {
  const messages = [];
  for (const step of ["throws", "reject", "throwsLater"]) {
    const failure = await failureOf({ step });
    assert.equal(failure.kind, "userError");
    messages.push(failure.message);
  }
  assert.deepEqual(messages, ["too far", "nobody waits", "in a timer"]);
});

test("a process whose attempt failed is not used again", async () => {
  const ended = await start({ step: "leak", code: "console.log(process.pid); throw new Error()" }).ended;
  const failed = Number(ended.texts[0]);
  assert.notEqual(await pidOf({ step: "pid" }), failed);
  await untilGone([failed]);
});

test("SIGKILL is reported wherever it strikes: in the step, and while artifacts are kept", async () => {
  for (const [step, pattern] of [
    ["hang", /hanging (\d+)/],
    ["block", /blocking (\d+)/],
    ["keep", /keeping (\d+)/],
  ] as const) {
    const { ended, printed } = start({ step, keepMs: 60_000, timeoutSeconds: 60 });
    process.kill(Number((await printed(pattern))[1]), "SIGKILL");
    assert.deepEqual(failureIn(await ended), { kind: "signal", signal: "SIGKILL" }, step);
  }
});

test("a time-out reaches a step that waits, one that blocks its event loop, and one that is stopped", async () => {
  assert.deepEqual(await failureOf({ step: "hang", timeoutSeconds: 0.2 }), { kind: "timeout", afterSeconds: 0.2 });
  assert.deepEqual(await failureOf({ step: "block", timeoutSeconds: 0.2 }), { kind: "timeout", afterSeconds: 0.2 });
  const { ended, printed } = start({ step: "hang", timeoutSeconds: 1 });
  process.kill(Number((await printed(/hanging (\d+)/))[1]), "SIGSTOP");
  assert.deepEqual(failureIn(await ended), { kind: "timeout", afterSeconds: 1 });
});

test("a time-out is disarmed when the step's code has returned", async () => {
  const { outcome } = await start({ step: "keep", keepMs: 600, timeoutSeconds: 0.3 }).ended;
  assert.equal(outcome?.kind, "succeeded");
});

test("a cancelled step that listens may tidy up first", async () => {
  const { run, ended } = start({ step: "tidy" });
  await pidOf({ step: "pid" });
  run.stop("ann", 20_000);
  const result = await ended;
  assert.deepEqual(failureIn(result), { kind: "cancelled", by: "ann" });
  assert.deepEqual(result.texts, ["tidied up"]);
});

test("a cancel reaches a step that waits, one that blocks, and one that blocks and ignores SIGTERM", async () => {
  for (const [step, pattern] of [
    ["hang", /hanging (\d+)/],
    ["block", /blocking (\d+)/],
    ["stubborn", /blocking (\d+)/],
  ] as const) {
    const { run, ended, printed } = start({ step });
    const pid = Number((await printed(pattern))[1]);
    run.stop("ann", 200);
    assert.deepEqual(failureIn(await ended), { kind: "cancelled", by: "ann" }, step);
    await untilGone([pid]);
  }
});

test("a revoked attempt ends without a word", async () => {
  const { run, ended, printed } = start({ step: "block" });
  const pid = Number((await printed(/blocking (\d+)/))[1]);
  run.revoke();
  assert.equal((await ended).outcome, null);
  await untilGone([pid]);
});

test("an order that is cancelled before it has a process ends at once, and the next one finds a process", async () => {
  const { run, ended } = start({ step: "pid", isolated: true, environment: { FRESH: "1" } });
  run.stop("ann", 1000);
  assert.deepEqual(failureIn(await ended), { kind: "cancelled", by: "ann" });
  await pidOf({ step: "pid" });
});

test("what a step started ends with its attempt, in its group or out of it", async () => {
  const { outcome, texts } = await start({ step: "family" }).ended;
  assert.equal(outcome?.kind, "succeeded");
  const pids = (texts[0] ?? "").split(" ").map(Number);
  assert.equal(pids.length, 3);
  await untilGone(pids);
});

test("what a step started ends with it when it is killed", async () => {
  for (const end of ["kill", "cancel"] as const) {
    const { run, ended, printed } = start({ step: "familyHangs" });
    const pids = (await printed(/^\d+ \d+ \d+$/))[0].split(" ").map(Number);
    if (end === "cancel") run.stop("ann", 0);
    else process.kill(pids[0] ?? 0, "SIGKILL");
    await ended;
    await untilGone(pids);
  }
});

test("when the worker is killed, its task processes, what they started and its temporary files go, also where a step blocks", async () => {
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const own = join(folder, "own");
  mkdirSync(own);
  const worker = `
    import { SpawnedTaskProcesses } from ${url("../adapters/task-process/spawned.ts")};
    const processes = new SpawnedTaskProcesses({ marker: "killed-" + process.pid, storage: () => ({ root: "/", access: "files", hidden: [] }), tempRoot: ${JSON.stringify(own)}, program: ${JSON.stringify(program)} });
    const ignore = () => {};
    for (const step of ["block", "familyHangs", "block"]) {
      const events = { onReady: ignore, onCodeReturned: ignore, onProgress: ignore, onReport: ignore, onOutput: (_, bytes) => process.stdout.write(bytes), onEnd: ignore };
      for (const use of ["once", "warm"]) processes.start({ environment: {}, use }, events).run(Buffer.from(JSON.stringify({ step, timeoutSeconds: null })), "");
    }`;
  const file = join(folder, "worker.mjs");
  writeFileSync(file, worker);
  const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  while ((text.match(/\n/g) ?? []).length < 6) text += String((await once(child.stdout, "data"))[0]);
  const pids = [...text.matchAll(/\d+/g)].map(Number);
  assert.equal(pids.length, 10);
  assert.ok(pids.every(isAlive));
  child.kill("SIGKILL");
  await untilGone(pids);
  while (existsSync(own)) await new Promise((resolve) => setTimeout(resolve, 10));
});

test("a program that cannot load is a start failure that says why, and is not tried again and again", async () => {
  const broken = join(folder, "broken.mjs");
  writeFileSync(broken, "throw new Error('no such luck');");
  const ours = pool;
  const others = new SpawnedTaskProcesses({
    marker: `broken-test-${process.pid}`,
    storage: () => ({ root: folder, access: "files", hidden: [] }),
    tempRoot: join(folder, "broken"),
    program: broken,
  });
  pool = new ProcessPool({ processes: others, slots: 2 });
  try {
    const failure = await failureOf({ step: "pid" });
    assert.equal(failure.kind, "start");
    assert.match(failure.message, /ended with code 1 while it was loading: [^]*no such luck/);
  } finally {
    await pool.close();
    pool = ours;
  }
});

test("a process that the system cannot start is a start failure, and the next order finds one", async () => {
  const failure = await failureOf({ step: "pid", environment: { BAD: "a\0b" } });
  assert.equal(failure.kind, "start");
  assert.match(failure.message, /^the task process could not be started: /);
  await pidOf({ step: "pid" });
});

test("when the pool is closed nothing is left: no process, no handle", async () => {
  const before = process.getActiveResourcesInfo().filter((name) => name !== "Timeout").length;
  const own = new SpawnedTaskProcesses({
    marker: `closed-test-${process.pid}`,
    storage: () => ({ root: folder, access: "files", hidden: [] }),
    tempRoot: join(folder, "closed"),
    program,
  });
  const ours = pool;
  pool = new ProcessPool({ processes: own, slots: 2 });
  const { printed } = start({ step: "block" });
  const pid = Number((await printed(/blocking (\d+)/))[1]);
  await pool.close();
  pool = ours;
  assert.ok(!isAlive(pid));
  // Handles of processes that have ended close a moment later.
  const deadline = performance.now() + 10_000;
  while (process.getActiveResourcesInfo().filter((name) => name !== "Timeout").length > before) {
    assert.ok(performance.now() < deadline, process.getActiveResourcesInfo().join());
    await sleep(5);
  }
});

test("no line shows what the task process has said is secret, whoever prints it", async () => {
  const { texts } = await start({ step: "whisper", hasSecrets: true }).ended;
  assert.equal(texts[0], "open ****");
  assert.ok(!texts.join("\n").includes("sesame"));
});
