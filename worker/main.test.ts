// Whole workers: a real stream, real processes, real flows. The coordinator is the least that speaks the protocol.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseStepName, taskIdOf, type Sha256 } from "../proto/ids.ts";
import { FileArtifactStore } from "../sdk/artifact/file-store.ts";
import { readArtifact } from "../sdk/artifact/read.ts";
import { checkFlow } from "../sdk/graph/check-flow.ts";
import type { Held, Hello, LogText, WorkerItem } from "../sdk/wire/worker-items.ts";
import { orderFor, TestCoordinator } from "../test/worker/test-coordinator.ts";
import { startWorker, type Worker, type WorkerOptions } from "./main.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-worker-"));
const store = new FileArtifactStore(join(folder, "store"));
let codePackage: Sha256;

const flow = `
import { FlowSpec, current, step } from "stepwell";
let evaluations = 0;
evaluations += 1;
export class TestFlow extends FlowSpec {
  declare count: number;
  declare before: string;
  declare big: Uint8Array;
  @step start() {
    this.count = evaluations;
    console.log("evaluations", evaluations, "process", process.pid);
    return this.next(this.slow);
  }
  @step slow() {
    console.log("process", process.pid);
    const until = Date.now() + 3000;
    while (Date.now() < until);
    return this.next(this.wait);
  }
  @step async wait() {
    this.before = "kept";
    console.log("waiting", process.pid);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    return this.next(this.listen);
  }
  @step async listen() {
    console.log("listening");
    await new Promise((resolve) => current.signal.addEventListener("abort", resolve));
    console.log("heard", current.signal.reason.name, current.signal.reason.message);
    return this.next(this.fail);
  }
  @step fail() {
    this.before = "kept";
    if (Date.now() > 0) throw new RangeError("too far");
    return this.next(this.end);
  }
  @step end() {}
}
`;

before(async () => {
  const file = join(folder, "flow.ts");
  writeFileSync(file, flow);
  const checked = await checkFlow(file);
  assert.ok(checked.package !== null, JSON.stringify(checked.problems));
  codePackage = await store.put(checked.package);
});

after(() => rmSync(folder, { recursive: true, force: true }));

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
let count = 0;

async function both(context: TestContext, over: Partial<WorkerOptions> = {}): Promise<{ coordinator: TestCoordinator; worker: Worker }> {
  count += 1;
  const coordinator = new TestCoordinator(`unix:${join(folder, `s${count}`)}`, codePackage);
  await coordinator.listen();
  const worker = startWorker({
    coordinator: { address: coordinator.address },
    slots: 2,
    id: `test-${process.pid}-${count}`,
    version: "test",
    store: { kind: "files", root: join(folder, "store") },
    isolation: "warm",
    labels: { zone: "here" },
    runs: [],
    log: silent,
    ...over,
  });
  context.after(async () => {
    await worker.stop();
    coordinator.close();
  });
  return { coordinator, worker };
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

const numberIn = (lines: readonly LogText[]): number => Number(/process (\d+)/.exec(lines[0]?.text ?? "")?.[1]);

test("a worker says what it is, asks for as much as it has slots, and asks again when one is free", async (context) => {
  const { coordinator } = await both(context);
  await coordinator.until(() => coordinator.credit === 2);
  const [hello] = coordinator.items;
  assert.equal(hello?.kind, "hello");
  const { slots, labels, pid, protocol, held } = hello.hello;
  assert.deepEqual({ slots, labels, pid, protocol, held }, { slots: 2, labels: { zone: "here" }, pid: process.pid, protocol: 1, held: [] });
  const { outcome } = coordinator.assign("start");
  assert.equal(coordinator.credit, 1);
  await outcome;
  await coordinator.until(() => coordinator.credit === 2);
});

test("a step runs, its lines come before its outcome, and its artifacts can be read", async (context) => {
  const { coordinator } = await both(context);
  const { outcome, lines } = coordinator.assign("start");
  const result = await outcome;
  assert.equal(result.kind, "succeeded");
  assert.deepEqual(result.taken, { kind: "linear", to: "slow" });
  assert.match(lines[0]?.text ?? "", /^evaluations 1 process \d+$/);
  const { count: counted } = result.artifacts;
  assert.ok(counted !== undefined);
  assert.equal(await readArtifact(counted, store), 1);
});

test("a warm process evaluates the flow's modules afresh for every task", async (context) => {
  const { coordinator } = await both(context, { slots: 1 });
  const first = coordinator.assign("start");
  await first.outcome;
  const second = coordinator.assign("start");
  await second.outcome;
  assert.equal(second.lines[0]?.text, first.lines[0]?.text);
});

test("isolation by process gives every task a process that nobody used", async (context) => {
  const { coordinator } = await both(context, { isolation: "process" });
  const pids = new Set<number>();
  for (let turn = 0; turn < 4; turn += 1) {
    const { outcome, lines } = coordinator.assign("start");
    await outcome;
    pids.add(numberIn(lines));
  }
  assert.equal(pids.size, 4);
});

test("a failure carries the author's own frames and place", async (context) => {
  const { coordinator } = await both(context);
  const result = await coordinator.assign("fail", { keepOnFailure: true }).outcome;
  assert.equal(result.kind, "failed");
  assert.equal(result.failure.kind, "userError");
  assert.deepEqual(
    [result.failure.name, result.failure.message, result.failure.place?.file, result.failure.place?.line],
    ["RangeError", "too far", "flow.ts", 34],
  );
  assert.ok(!result.failure.stack.includes("node:"), result.failure.stack);
  assert.deepEqual(Object.keys(result.artifacts), ["before"]);
});

test("beats name what is held, also while a step blocks its event loop", async (context) => {
  const { coordinator } = await both(context);
  const slow = coordinator.assign("slow");
  await slow.printed(/process/);
  const from = coordinator.items.length;
  const beats = (): readonly WorkerItem[] => coordinator.items.slice(from).filter((item) => item.kind === "beat" && item.held.length === 1);
  await coordinator.until(() => beats().length >= 10);
  const [beat] = beats();
  assert.ok(beat?.kind === "beat");
  assert.deepEqual(beat.held, [slow.of]);
  coordinator.tell({ kind: "revoke", of: slow.of });
});

test("a time-out ends a step, and what the step had set is kept where it will be caught", async (context) => {
  const { coordinator } = await both(context);
  const result = await coordinator.assign("wait", { timeoutSeconds: 0.5, keepOnFailure: true }).outcome;
  assert.equal(result.kind, "failed");
  assert.deepEqual(result.failure, { kind: "timeout", afterSeconds: 0.5 });
  assert.deepEqual(Object.keys(result.artifacts), ["before"]);
});

test("a stop is heard by the step through its abort signal", async (context) => {
  const { coordinator } = await both(context);
  const listening = coordinator.assign("listen");
  await listening.printed(/listening/);
  coordinator.tell({ kind: "stop", of: listening.of, graceMs: 20_000, by: "ann" });
  const result = await listening.outcome;
  assert.equal(result.kind, "failed");
  assert.deepEqual(result.failure, { kind: "cancelled", by: "ann" });
  assert.deepEqual(
    listening.lines.map((line) => line.text),
    ["listening", "heard AbortError cancelled by ann"],
  );
});

test("a revoked task ends without an outcome, and its slot is free", async (context) => {
  const { coordinator } = await both(context, { slots: 1 });
  const waiting = coordinator.assign("wait");
  const pid = Number((await waiting.printed(/waiting (\d+)/))[1]);
  coordinator.tell({ kind: "revoke", of: waiting.of });
  await coordinator.assign("start").outcome;
  assert.ok(!isAlive(pid));
  assert.ok(!coordinator.items.some((item) => item.kind === "outcome" && item.of.lease === waiting.of.lease));
});

test("an assignment that comes twice runs once", async (context) => {
  const { coordinator } = await both(context);
  coordinator.accepts = false;
  const sent = coordinator.assign("start", { lease: 77 });
  const again = (): void =>
    coordinator.tell({
      kind: "assign",
      of: { ...sent.of, lease: 77 },
      order: Buffer.from(JSON.stringify(orderFor("start", { codePackage, lease: 77 }))),
    });
  await coordinator.until(() => coordinator.items.some((item) => item.kind === "outcome"));
  again();
  const other = coordinator.assign("start", { task: taskIdOf(parseStepName("start"), [1]) });
  await other.outcome;
  assert.equal(coordinator.items.filter((item) => item.kind === "outcome" && item.of.lease === 77).length, 1);
});

test("when the stream breaks, the worker comes back with what it holds, steps run on, and outcomes are sent until accepted", async (context) => {
  const { coordinator } = await both(context);
  coordinator.accepts = false;
  const done = coordinator.assign("start");
  await done.outcome;
  const running = coordinator.assign("wait");
  const [, pid] = await running.printed(/waiting (\d+)/);
  const from = coordinator.items.length;
  coordinator.breakStream();
  const hellos = (): readonly Hello[] => coordinator.items.slice(from).flatMap((item) => (item.kind === "hello" ? [item.hello] : []));
  await coordinator.until(() => hellos().length === 1);
  assert.deepEqual(new Set(hellos()[0]?.held), new Set([running.of, done.of]));
  await coordinator.until(() => coordinator.items.slice(from).some((item) => item.kind === "outcome" && item.of.lease === done.of.lease));
  await coordinator.until(() => coordinator.credit === 1);
  assert.ok(isAlive(Number(pid)));
  coordinator.tell({ kind: "accepted", of: done.of, refused: false });
  coordinator.tell({ kind: "revoke", of: running.of });
  await coordinator.until(() => coordinator.items.at(-1)?.kind === "beat" && coordinator.credit === 2);
});

test("a worker may be there before its coordinator", async (context) => {
  count += 1;
  const coordinator = new TestCoordinator(`unix:${join(folder, `s${count}`)}`, codePackage);
  await both(context, { coordinator: { address: coordinator.address } });
  await sleep(50);
  await coordinator.listen();
  context.after(() => coordinator.close());
  assert.equal((await coordinator.assign("start").outcome).kind, "succeeded");
});

test("a worker outlives its coordinator for a while, and then ends what it runs and gives up", async (context) => {
  const { coordinator, worker } = await both(context, { awayMsMax: 700 });
  const pid = Number((await coordinator.assign("wait").printed(/waiting (\d+)/))[1]);
  coordinator.close();
  await sleep(100);
  assert.ok(isAlive(pid));
  assert.deepEqual(await worker.lost, { reason: "no coordinator for 1 s", refused: false });
  assert.ok(!isAlive(pid));
});

test("a lasting worker that holds nothing waits for its coordinator for longer, and ends what it runs as any other", async (context) => {
  const { coordinator, worker } = await both(context, { awayMsMax: 300, lasting: true });
  await coordinator.until(() => coordinator.credit === 2);
  coordinator.close();
  const late = Symbol("late");
  assert.equal(await Promise.race([worker.lost, sleep(900, late)]), late);
  const from = coordinator.items.length;
  await coordinator.listen();
  await coordinator.until(() => coordinator.items.slice(from).some(({ kind }) => kind === "credit"));
  assert.equal((await coordinator.assign("start").outcome).kind, "succeeded");
  await coordinator.assign("wait").printed(/waiting (\d+)/);
  coordinator.close();
  assert.equal((await worker.lost).reason, "no coordinator for 0 s");
});

test("a worker that is refused gives up at once and says why", async (context) => {
  count += 1;
  const coordinator = new TestCoordinator(`unix:${join(folder, `s${count}`)}`, codePackage);
  await coordinator.listen(true);
  context.after(() => coordinator.close());
  const { worker } = await both(context, { coordinator: { address: coordinator.address } });
  assert.deepEqual(await worker.lost, { reason: "the coordinator refused this worker: wrong token", refused: true });
});

test("a worker that drains takes nothing more, and is done when its last outcome was accepted", async (context) => {
  const { coordinator, worker } = await both(context);
  coordinator.accepts = false;
  const first = coordinator.assign("start");
  await first.outcome;
  let drained = false;
  const draining = worker.drain().then(() => (drained = true));
  await coordinator.until(
    () => coordinator.items.at(-1)?.kind === "draining" || coordinator.items.some((item) => item.kind === "draining"),
  );
  await sleep(50);
  assert.equal(drained, false);
  coordinator.tell({ kind: "accepted", of: first.of, refused: false });
  await draining;
});

test("what a worker that drains has not finished in time goes back, and the step hears of it", async (context) => {
  const { coordinator, worker } = await both(context);
  const listening = coordinator.assign("listen");
  await listening.printed(/listening/);
  const waiting = coordinator.assign("wait");
  await waiting.printed(/waiting/);
  await worker.drain(50);
  for (const { outcome } of [listening, waiting]) {
    const result = await outcome;
    assert.ok(result.kind === "failed");
    assert.deepEqual(result.failure, { kind: "returned", worker: worker.id, why: "drained" });
  }
  assert.match(listening.lines.at(-1)?.text ?? "", /^heard AbortError worker .* left before it ended$/);
});

test("lines that may not have arrived are sent again on the next stream, under their numbers, until they are kept", async (context) => {
  const { coordinator } = await both(context);
  const listening = coordinator.assign("listen");
  await listening.printed(/listening/);
  const numbers = (from: number): readonly unknown[] =>
    coordinator.items.slice(from).flatMap((item) => (item.kind === "logs" ? [[item.from, item.lines.length]] : []));
  let seen = coordinator.items.length;
  coordinator.breakStream();
  await coordinator.until(() => numbers(seen).length > 0);
  assert.deepEqual(numbers(seen), [[0, 1]]);
  coordinator.tell({ kind: "linesKept", of: listening.of, lines: 1 });
  coordinator.tell({ kind: "stop", of: listening.of, graceMs: 20_000, by: "ann" });
  coordinator.accepts = false;
  await listening.outcome;
  seen = coordinator.items.length;
  coordinator.breakStream();
  await coordinator.until(() => coordinator.items.slice(seen).some((item) => item.kind === "outcome"));
  assert.deepEqual(numbers(seen), [[1, 1]]);
});

test("an attempt that runs on is named without waiting for the next beat", async (context) => {
  const { coordinator } = await both(context);
  const waiting = coordinator.assign("wait");
  const isNamed = (): boolean =>
    coordinator.items.some((item) => item.kind === "beat" && item.held.some(({ lease }) => lease === waiting.of.lease));
  await coordinator.until(isNamed);
  coordinator.tell({ kind: "revoke", of: waiting.of });
});

test("a code package that is not there is a start failure", async (context) => {
  const { coordinator } = await both(context);
  const missing = "0".repeat(64) as Sha256;
  const result = await coordinator.assign("start", { codePackage: missing }).outcome;
  assert.equal(result.kind, "failed");
  assert.equal(result.failure.kind, "start");
  assert.match(result.failure.message, /^the attempt cannot be set up: /);
});

test("an order that cannot be read is a start failure, and the worker goes on", async (context) => {
  const { coordinator } = await both(context);
  await coordinator.until(() => coordinator.credit === 2);
  const of: Held = { run: "TestFlow/1", task: "start/0", attempt: 0, lease: 999 };
  coordinator.tell({ kind: "assign", of, order: Buffer.from("{}") });
  await coordinator.until(() => coordinator.items.some((item) => item.kind === "outcome" && item.of.lease === 999));
  assert.equal((await coordinator.assign("start").outcome).kind, "succeeded");
});

test("killing a worker ends its processes at once; stopping it leaves no process, folder or handle", async (context) => {
  const folders = (): number => readdirSync(tmpdir()).filter((name) => name.startsWith(`stepwell-test-${process.pid}`)).length;
  const foldersBefore = folders();
  for (const end of ["kill", "stop"] as const) {
    const { coordinator, worker } = await both(context);
    const pid = Number((await coordinator.assign("slow").printed(/process (\d+)/))[1]);
    if (end === "kill") worker.kill();
    else await worker.stop();
    while (isAlive(pid)) await sleep(2);
    assert.equal(folders(), foldersBefore);
  }
});
