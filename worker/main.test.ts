// Whole workers: a real stream, real processes, real flows. The coordinator is the least that speaks the protocol.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { parseFlowName, parseRunId, parseStepName, taskIdOf, type Sha256 } from "../proto/ids.ts";
import type { TaskOrder, TaskOutcome } from "../proto/order.ts";
import { FileArtifactStore } from "../sdk/artifact/file-store.ts";
import { readArtifact } from "../sdk/artifact/read.ts";
import { bundleFile } from "../sdk/package/bundle.ts";
import { writeContainer } from "../sdk/package/container.ts";
import { Batcher } from "../sdk/wire/batcher.ts";
import { serverOptions } from "../sdk/wire/channel-options.ts";
import { workerService, type CoordinatorSideStream } from "../sdk/wire/services.ts";
import { writeCoordinatorItem } from "../sdk/wire/worker-codec.ts";
import type { CoordinatorItem, Held, Hello, LogText, WorkerItem } from "../sdk/wire/worker-items.ts";
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
    throw new RangeError("too far");
    return this.next(this.end);
  }
  @step end() {}
}
`;

before(async () => {
  const file = join(folder, "flow.ts");
  writeFileSync(file, flow);
  const { bundle, problems } = await bundleFile(file, (path) => path);
  assert.ok(bundle !== null, JSON.stringify(problems));
  const content = {
    flowName: parseFlowName("TestFlow"),
    exportName: "TestFlow",
    file: "flow.ts",
    code: bundle.code,
    sourceMap: bundle.sourceMap,
  };
  codePackage = await store.put(writeContainer(content));
});

after(() => rmSync(folder, { recursive: true, force: true }));

type Sent = {
  readonly of: Held;
  readonly outcome: Promise<TaskOutcome>;
  readonly lines: LogText[];
  printed(pattern: RegExp): Promise<RegExpExecArray>;
};
type Ear = { of: Held; settle(outcome: TaskOutcome): void; lines: LogText[] };

/** Assigns what it is told to, as far as there is credit, and accepts every outcome unless told not to. */
class TestCoordinator {
  readonly address: string;
  readonly items: WorkerItem[] = [];
  accepts = true;
  credit = 0;
  #server = new Server(serverOptions);
  #send: (item: CoordinatorItem) => void = () => undefined;
  #stream: CoordinatorSideStream | null = null;
  #ears: Ear[] = [];
  #waiting: { item: CoordinatorItem }[] = [];
  #leases = 0;
  #changed = Promise.withResolvers<void>();

  constructor(name: string) {
    this.address = `unix:${join(folder, name)}`;
  }

  async listen(refuse = false): Promise<void> {
    this.#server = new Server(serverOptions);
    this.#server.addService(workerService, {
      connect: (stream: CoordinatorSideStream) => {
        if (refuse) return stream.emit("error", { code: status.PERMISSION_DENIED, details: "wrong token" });
        this.#connected(stream);
      },
    });
    await new Promise<void>((resolve, reject) =>
      this.#server.bindAsync(this.address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
    );
  }

  #connected(stream: CoordinatorSideStream): void {
    const batcher = new Batcher<CoordinatorItem>(stream, writeCoordinatorItem);
    this.credit = 0;
    this.#stream = stream;
    this.#send = (item) => batcher.send(item);
    stream.on("data", (items: readonly WorkerItem[]) => items.forEach((item) => this.#receive(item)));
    stream.on("error", () => undefined);
    stream.on("end", () => stream.end());
  }

  #receive(item: WorkerItem): void {
    this.items.push(item);
    if (item.kind === "hello") this.#send({ kind: "welcome", protocol: 1, version: "test", leaseMs: 1000, beatMs: 100 });
    if (item.kind === "credit") this.credit += item.slots;
    if (item.kind === "logs") this.#earOf(item.of)?.lines.push(...item.lines);
    if (item.kind === "outcome") {
      this.#earOf(item.of)?.settle(JSON.parse(Buffer.from(item.outcome).toString()) as TaskOutcome);
      if (this.accepts) this.#send({ kind: "accepted", of: item.of, refused: false });
    }
    this.#assignWhatWaits();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #earOf(of: Held): Ear | undefined {
    return this.#ears.find((ear) => ear.of.lease === of.lease);
  }

  #assignWhatWaits(): void {
    while (this.credit > 0) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.credit -= 1;
      this.#send(next.item);
    }
  }

  assign(step: string, over: Partial<TaskOrder> = {}): Sent {
    this.#leases += 1;
    const order = orderFor(step, { lease: this.#leases, ...over });
    const of: Held = { run: order.run, task: order.task, attempt: order.attempt, lease: order.lease };
    const { promise: outcome, resolve: settle } = Promise.withResolvers<TaskOutcome>();
    const lines: LogText[] = [];
    this.#ears.push({ of, settle, lines });
    this.#waiting.push({ item: { kind: "assign", of, order: Buffer.from(JSON.stringify(order)) } });
    this.#assignWhatWaits();
    const printed = async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (;;) {
        const found = lines.map((line) => pattern.exec(line.text)).find((match) => match !== null);
        if (found) return found;
        await this.#changed.promise;
      }
    };
    return { of, outcome, lines, printed };
  }

  tell(item: CoordinatorItem): void {
    this.#send(item);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  breakStream(): void {
    this.#stream?.emit("error", { code: status.UNAVAILABLE, details: "broken on purpose" });
  }

  close(): void {
    this.#server.forceShutdown();
  }
}

function orderFor(step: string, over: Partial<TaskOrder>): TaskOrder {
  const name = parseStepName(step);
  return {
    run: parseRunId("TestFlow/1"),
    flow: parseFlowName("TestFlow"),
    task: taskIdOf(name, []),
    step: name,
    attempt: 0,
    lease: 1,
    codePackage,
    frames: [],
    inputs: { kind: "single", artifacts: {} },
    parameters: {},
    secrets: [],
    keepOnFailure: false,
    catchVar: null,
    timeoutSeconds: null,
    isolated: false,
    environment: {},
    memoryMiB: null,
    context: { tags: [], namespace: "", user: "ann", originRun: null },
    ...over,
  };
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
let count = 0;

async function both(context: TestContext, over: Partial<WorkerOptions> = {}): Promise<{ coordinator: TestCoordinator; worker: Worker }> {
  count += 1;
  const coordinator = new TestCoordinator(`s${count}`);
  await coordinator.listen();
  const worker = startWorker({
    address: coordinator.address,
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
  assert.deepEqual(beat, { kind: "beat", held: [slow.of] });
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
      order: Buffer.from(JSON.stringify(orderFor("start", { lease: 77 }))),
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

test("a worker outlives its coordinator for a while, and then ends what it runs and gives up", async (context) => {
  const { coordinator, worker } = await both(context, { awayMsMax: 700 });
  const pid = Number((await coordinator.assign("wait").printed(/waiting (\d+)/))[1]);
  coordinator.close();
  await sleep(100);
  assert.ok(isAlive(pid));
  assert.equal(await worker.lost, "no coordinator for 1 s");
  assert.ok(!isAlive(pid));
});

test("a worker that is refused gives up at once and says why", async (context) => {
  count += 1;
  const coordinator = new TestCoordinator(`s${count}`);
  await coordinator.listen(true);
  context.after(() => coordinator.close());
  const { worker } = await both(context, { address: coordinator.address });
  assert.equal(await worker.lost, "the coordinator refused this worker: wrong token");
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

test("a code package that is not there is a start failure", async (context) => {
  const { coordinator } = await both(context);
  const missing = "0".repeat(64) as Sha256;
  const result = await coordinator.assign("start", { codePackage: missing }).outcome;
  assert.equal(result.kind, "failed");
  assert.equal(result.failure.kind, "start");
  assert.match(result.failure.message, /^the code package cannot be opened: /);
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
