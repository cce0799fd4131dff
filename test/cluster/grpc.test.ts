// A real coordinator and real workers that know of each other only what gRPC carries, as on several machines.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FileLogStore } from "../../coordinator/adapters/file-log-store.ts";
import { MemoryTaskQueue } from "../../coordinator/adapters/memory-task-queue.ts";
import { SqliteLedger } from "../../coordinator/adapters/sqlite-ledger.ts";
import { SystemClock } from "../../coordinator/adapters/system-clock.ts";
import { startCoordinator } from "../../coordinator/main.ts";
import { defaultRunOptions } from "../../proto/event.ts";
import { readArtifact } from "../../sdk/artifact/read.ts";
import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";
import { keepArtifacts } from "../../sdk/artifact/keep.ts";
import { checkFlow } from "../../sdk/graph/check-flow.ts";
import { connectControl } from "../../sdk/wire/control-client.ts";
import { startWorker } from "../../worker/main.ts";
import { root, temporaryFolder } from "../command.ts";

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

test("a flow runs on two workers that speak gRPC, and a client reads its result over gRPC", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  const clock = new SystemClock();
  const ledger = new SqliteLedger(join(folder.path, "ledger.db"));
  const logs = new FileLogStore({ root: join(folder.path, "logs"), onDropped: assert.fail });
  const queue = new MemoryTaskQueue({ clock, ackWaitMs: 30_000 });
  const store = new FileArtifactStore(join(folder.path, "artifacts"));
  const coordinator = await startCoordinator({
    ledger,
    logs,
    clock,
    queue,
    log: quiet,
    owner: { id: randomUUID(), pid: process.pid, host: hostname(), address: "" },
    listen: { path: join(folder.path, "socket") },
    version: "test",
    adoptUnfinished: true,
    adoptGraceMs: 0,
  });
  const workers = ["one", "two"].map((id) =>
    startWorker({
      coordinator: { address: coordinator.address },
      slots: 1,
      id,
      version: "test",
      store: { kind: "files", root: join(folder.path, "artifacts") },
      isolation: "warm",
      labels: {},
      runs: [],
      log: quiet,
    }),
  );
  const control = connectControl({ address: coordinator.address });
  try {
    const checked = await checkFlow(join(root, "examples/iris.ts"));
    assert.ok(checked.graph !== null);
    const run = await control.submit({
      graph: checked.graph,
      codePackage: await store.put(checked.package),
      parameters: await keepArtifacts(
        new Map<string, unknown>([
          ["folds", 4],
          ["heldOut", 0.2],
          ["seed", 7],
        ]),
        store,
      ),
      secrets: [],
      options: { ...defaultRunOptions, workersMax: 2 },
      tags: [],
      systemTags: ["user:tester"],
      namespace: "user:tester",
      user: "tester",
      resume: null,
    });
    const starters = new Set<string>();
    for await (const { event } of control.events(run, 0)) if (event.kind === "taskStarted") starters.add(event.worker);
    const view = await control.run(run);
    assert.equal(view.status, "succeeded", JSON.stringify(view.firstFailure));
    assert.deepEqual([...starters].sort(), ["one", "two"]);
    const accuracy = view.result?.["testAccuracy"];
    assert.ok(accuracy !== undefined);
    assert.equal(typeof (await readArtifact(accuracy, store)), "number");
    const lines: string[] = [];
    for await (const line of control.logs({ run })) lines.push(line.text);
    assert.ok(lines.some((line) => line.startsWith("Best of 12 settings")));
  } finally {
    control.close();
    await Promise.all(workers.map((worker) => worker.stop()));
    await coordinator.close();
    await queue.close();
    await logs.close();
    await ledger.close();
  }
});
