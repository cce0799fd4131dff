// A coordinator with short leases in this process, workers in processes of their own, and a flow whose task stands at a gate.

import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FileLogStore } from "../../coordinator/adapters/file-log-store.ts";
import { MemoryLedger } from "../../coordinator/adapters/memory-ledger.ts";
import { MemoryTaskQueue } from "../../coordinator/adapters/memory-task-queue.ts";
import { SystemClock } from "../../coordinator/adapters/system-clock.ts";
import { startCoordinator, type Coordinator } from "../../coordinator/main.ts";
import type { SubmitRequest } from "../../proto/control.ts";
import type { RunOptions } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";
import type { AttemptView } from "../../proto/view.ts";
import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";
import { checkFlow } from "../../sdk/graph/check-flow.ts";
import { temporaryFolder } from "../command.ts";
import { submission } from "../coordinator/graphs.ts";
import { TestLog } from "../coordinator/harness.ts";

/** `work` says that it has begun, prints as many lines as it is told to, and waits at a gate of its attempt. */
const flow = (folder: string): string => `
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { current, FlowSpec, step } from "stepwell";
export class GateFlow extends FlowSpec {
  declare attempt: number;
  @step start() { return this.next(this.work); }
  @step async work() {
    const place = ${JSON.stringify(folder)} + "/" + current.run.replace("/", "-") + "-" + current.attempt;
    for (let line = 0; line < 50; line += 1) console.log("line " + line);
    writeFileSync(place + "-begun", String(process.pid));
    while (!existsSync(place + "-gate")) { console.log("tick"); await sleep(20); }
    this.attempt = current.attempt;
    return this.next(this.end);
  }
  @step end() {}
}
`;

export type Times = { readonly leaseMs: number; readonly beatMs: number };

export class LivenessCluster {
  readonly coordinator: Coordinator;
  readonly log: TestLog;
  readonly #folder: string;
  readonly #context: TestContext;
  #request: SubmitRequest | null = null;

  private constructor(coordinator: Coordinator, log: TestLog, place: { readonly folder: string; readonly context: TestContext }) {
    this.coordinator = coordinator;
    this.log = log;
    this.#folder = place.folder;
    this.#context = place.context;
  }

  static async open(context: TestContext, times: Times = { leaseMs: 1500, beatMs: 300 }): Promise<LivenessCluster> {
    const folder = temporaryFolder();
    const clock = new SystemClock();
    const log = new TestLog();
    const queue = new MemoryTaskQueue({ clock, ackWaitMs: 30_000 });
    const logs = new FileLogStore({ root: join(folder.path, "logs"), onDropped: assert.fail });
    const coordinator = await startCoordinator({
      ledger: new MemoryLedger({ isAlive: () => true }),
      queue,
      logs,
      clock,
      log,
      owner: { id: "c1", pid: process.pid, host: hostname(), address: "" },
      listen: { host: "127.0.0.1", port: 0 },
      version: "test",
      adoptUnfinished: false,
      adoptGraceMs: 0,
      ...times,
    });
    context.after(async () => {
      await coordinator.close();
      await queue.close();
      await logs.close();
      folder[Symbol.dispose]();
    });
    return new LivenessCluster(coordinator, log, { folder: folder.path, context });
  }

  /** Resolves when it is connected. */
  async worker(id: string, address = this.coordinator.address): Promise<ChildProcess> {
    const program = new URL("worker-program.ts", import.meta.url);
    const child = fork(program, [address, id, this.#store], { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#context.after(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    });
    await this.logged("worker.connected", (fields) => fields["worker_id"] === id);
    return child;
  }

  async submit(options: Partial<RunOptions> = {}): Promise<RunId> {
    this.#request ??= await this.#prepare();
    return this.coordinator.control.submit({ ...this.#request, options: { ...this.#request.options, ...options } });
  }

  async #prepare(): Promise<SubmitRequest> {
    const file = join(this.#folder, "flow.ts");
    writeFileSync(file, flow(this.#folder));
    const checked = await checkFlow(file);
    assert.ok(checked.graph !== null, JSON.stringify(checked.problems));
    return { ...submission(checked.graph), codePackage: await new FileArtifactStore(this.#store).put(checked.package) };
  }

  /** The number of the process in which the attempt has begun. */
  async begun(run: RunId, attempt: number): Promise<number> {
    const file = `${this.#place(run, attempt)}-begun`;
    while (!existsSync(file) || readFileSync(file, "utf8") === "") await this.#turn();
    return Number(readFileSync(file, "utf8"));
  }

  openGate(run: RunId, attempt: number): void {
    writeFileSync(`${this.#place(run, attempt)}-gate`, "");
  }

  async finished(run: RunId): Promise<string> {
    for await (const _ of this.coordinator.control.events(run, 0));
    return (await this.coordinator.control.run(run)).status;
  }

  /** Worker and fate of each attempt of `work`. */
  async attempts(run: RunId): Promise<readonly string[]> {
    const { items } = await this.coordinator.control.tasks(run, { limit: 10 });
    return items.find(({ step }) => step === "work")?.attempts.map(attemptText) ?? [];
  }

  async logged(event: string, holds: (fields: Readonly<Record<string, unknown>>) => boolean = () => true): Promise<void> {
    while (!this.log.entries.some(({ fields }) => fields["event"] === event && holds(fields))) await this.#turn();
  }

  /** Ends the wait of a test that has been given up. */
  async #turn(): Promise<void> {
    this.#context.signal.throwIfAborted();
    await sleep(10);
  }

  get #store(): string {
    return join(this.#folder, "artifacts");
  }

  #place(run: RunId, attempt: number): string {
    return join(this.#folder, `${run.replace("/", "-")}-${attempt}`);
  }
}

function attemptText({ worker, outcome, failure }: AttemptView): string {
  const why = failure === null ? "" : failure.kind === "returned" ? ` ${failure.why}` : ` ${failure.kind}`;
  return `${worker} ${outcome}${why}`;
}
