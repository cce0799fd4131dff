// A coordinator with NATS and two workers that speak gRPC, and what must be true of a run whatever NATS did meanwhile.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { FileLogStore } from "../../coordinator/adapters/file-log-store.ts";
import { openNatsTaskQueue } from "../../coordinator/adapters/nats/nats-task-queue.ts";
import { natsServers } from "../../coordinator/adapters/nats/servers.ts";
import { SqliteLedger } from "../../coordinator/adapters/sqlite-ledger.ts";
import { SystemClock } from "../../coordinator/adapters/system-clock.ts";
import { startCoordinator } from "../../coordinator/main.ts";
import type { TaskQueue } from "../../coordinator/ports/task-queue.ts";
import type { Control } from "../../proto/control.ts";
import { defaultRunOptions, type RecordedEvent } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";
import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";
import { keepArtifacts } from "../../sdk/artifact/keep.ts";
import { readArtifact } from "../../sdk/artifact/read.ts";
import { checkFlow } from "../../sdk/graph/check-flow.ts";
import { connectControl } from "../../sdk/wire/control-client.ts";
import { startWorker } from "../../worker/main.ts";
import { temporaryFolder } from "../command.ts";
import { TestLog } from "../coordinator/harness.ts";
import { NatsServer } from "./nats-server.ts";

const flow = `
import { FlowSpec, parameter, step, type Inputs } from "stepwell";
export class WideFlow extends FlowSpec {
  n = parameter.integer({ default: 10 });
  ms = parameter.integer({ default: 10 });
  declare items: number[];
  declare square: number;
  declare sum: number;
  @step start() {
    this.items = Array.from({ length: this.n }, (_, index) => index);
    return this.next(this.work, { foreach: "items" });
  }
  @step async work(item: number) {
    await new Promise((resolve) => setTimeout(resolve, this.ms));
    this.square = item * item;
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.sum = inputs.map((input) => input.square).reduce((a, b) => a + b, 0);
    return this.next(this.end);
  }
  @step end() {}
}
`;

export class NatsCluster {
  readonly server: NatsServer;
  /** Names the streams. */
  readonly prefix: string;
  readonly queue: TaskQueue;
  readonly control: Control;
  readonly log: TestLog;
  readonly #folder: { readonly path: string; write(name: string, text: string): string };
  readonly #store: FileArtifactStore;

  private constructor(
    parts: Pick<NatsCluster, "server" | "prefix" | "queue" | "control" | "log">,
    folder: ReturnType<typeof temporaryFolder>,
  ) {
    this.server = parts.server;
    this.prefix = parts.prefix;
    this.queue = parts.queue;
    this.control = parts.control;
    this.log = parts.log;
    this.#folder = folder;
    this.#store = new FileArtifactStore(join(folder.path, "artifacts"));
  }

  /** `through` stands between the coordinator and its queue. */
  static async open(t: TestContext, through: (queue: TaskQueue) => TaskQueue = (queue) => queue): Promise<NatsCluster> {
    const folder = temporaryFolder();
    const clock = new SystemClock();
    const log = new TestLog();
    const prefix = randomUUID();
    const server = await NatsServer.start();
    const ledger = new SqliteLedger(join(folder.path, "ledger.db"));
    const logs = new FileLogStore({ root: join(folder.path, "logs"), onDropped: assert.fail });
    const queue = await openNatsTaskQueue({ servers: natsServers({ url: server.url }, {}), prefix, ackWaitMs: 10_000, clock, log });
    const coordinator = await startCoordinator({
      ledger,
      logs,
      clock,
      log,
      queue: through(queue),
      owner: { id: randomUUID(), pid: process.pid, host: hostname(), address: "" },
      listen: { path: join(folder.path, "socket") },
      version: "test",
      adoptUnfinished: true,
      adoptGraceMs: 0,
    });
    const workers = ["one", "two"].map((id) =>
      startWorker({
        id,
        slots: 2,
        version: "test",
        isolation: "warm",
        labels: {},
        runs: [],
        log,
        coordinator: { address: coordinator.address },
        store: { kind: "files", root: join(folder.path, "artifacts") },
      }),
    );
    const control = connectControl({ address: coordinator.address });
    t.after(async () => {
      control.close();
      await Promise.all(workers.map((worker) => worker.stop()));
      await coordinator.close();
      await queue.close();
      await logs.close();
      await ledger.close();
      await server.close();
      folder[Symbol.dispose]();
    });
    return new NatsCluster({ server, prefix, queue, control, log }, folder);
  }

  /** A foreach of so many tasks that take `ms` each. */
  async submit(n: number, ms: number): Promise<RunId> {
    const checked = await checkFlow(this.#folder.write("flow.ts", flow));
    assert.ok(checked.graph !== null, JSON.stringify(checked.problems));
    const parameters = new Map<string, unknown>([
      ["n", n],
      ["ms", ms],
    ]);
    return this.control.submit({
      graph: checked.graph,
      codePackage: await this.#store.put(checked.package),
      parameters: await keepArtifacts(parameters, this.#store),
      secrets: [],
      options: { ...defaultRunOptions, workersMax: 1000 },
      tags: [],
      systemTags: ["user:tester"],
      namespace: "user:tester",
      user: "tester",
      resume: null,
    });
  }

  /** Follows the run to its end; calls back with how many tasks have succeeded, each time one has. */
  async follow(run: RunId, onSucceeded: (count: number) => Promise<void> | void = () => undefined): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    let succeeded = 0;
    for await (const recorded of this.control.events(run, 0)) {
      events.push(recorded);
      if (recorded.event.kind === "taskSucceeded") await onSucceeded((succeeded += 1));
    }
    return events;
  }

  /** Each task was started once and accepted once: what happened to the queue cost time only. */
  async assertRight(run: RunId, n: number, events: readonly RecordedEvent[]): Promise<void> {
    const view = await this.control.run(run);
    assert.equal(view.status, "succeeded", JSON.stringify(view.firstFailure));
    const tasksOf = (kind: "taskStarted" | "taskSucceeded" | "taskFailed"): string[] =>
      events.flatMap(({ event }) => (event.kind === kind ? [event.task] : []));
    assert.deepEqual(tasksOf("taskFailed"), []);
    for (const kind of ["taskStarted", "taskSucceeded"] as const) {
      const tasks = tasksOf(kind);
      assert.deepEqual([tasks.length, new Set(tasks).size], [n + 3, n + 3], kind);
    }
    const sum = view.result?.["sum"];
    assert.ok(sum !== undefined);
    assert.equal(await readArtifact(sum, this.#store), ((n - 1) * n * (2 * n - 1)) / 6);
  }

  times(event: string): number {
    return this.log.entries.filter(({ fields }) => fields["event"] === event).length;
  }
}
