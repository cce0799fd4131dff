import assert from "node:assert/strict";
import { test } from "node:test";
import picocolors from "picocolors";
import { parseLaunchId, type LaunchView } from "../../proto/launch.ts";
import type { WorkerView } from "../../proto/view.ts";
import { launchesTable } from "./launches-table.ts";
import { workerLines, workersTable, type ShownWorker } from "./workers-table.ts";

const plain = picocolors.createColors(false);

function launch(more: Partial<LaunchView>): LaunchView {
  return {
    launch: parseLaunchId("k3f09a2b7c41"),
    shape: "3cpu-500mib-spot-d9949ef15756d31c",
    plannedAtMs: 0,
    stage: "submitted",
    count: 4,
    slots: 1,
    usdPerHour: 0.071,
    job: "1f0c-77",
    link: "https://x/1f0c-77",
    workers: [],
    seen: null,
    why: null,
    ...more,
  };
}

const worker: WorkerView = {
  worker: "w1",
  status: "ready",
  host: "ip-10-0-0-7",
  pid: 7,
  version: "1.0.0",
  pool: "batch",
  labels: {},
  slots: 1,
  cpu: 4,
  memoryMiB: 8064,
  gpu: 0,
  runs: [],
  silentMs: 100,
  load: null,
  requeued: 0,
  running: [],
};

test("a launch is a line: who has come, what all cost an hour, and why the others wait", () => {
  const launches = [
    launch({ workers: [{ index: 0, worker: "w1" }] }),
    launch({ why: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", seen: { waiting: 4, starting: 0, running: 0, ended: 0 } }),
    launch({ seen: { waiting: 3, starting: 1, running: 0, ended: 0 } }),
    launch({ stage: "planned", job: null, link: null, why: "AWS Batch throttles calls" }),
  ];
  assert.deepEqual(launchesTable(launches, { paint: plain, wide: false, nowMs: 65_000 }), [
    "LAUNCH        STATE     WORKERS  SHAPE             USD/H  AGE    JOB      WHY",
    "k3f09a2b7c41  running   1/4      3cpu-500mib-spot   0.28  1m05s  1f0c-77  -",
    "k3f09a2b7c41  waiting   0/4      3cpu-500mib-spot   0.28  1m05s  1f0c-77  CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "k3f09a2b7c41  starting  0/4      3cpu-500mib-spot   0.28  1m05s  1f0c-77  -",
    "k3f09a2b7c41  planned   0/4      3cpu-500mib-spot   0.28  1m05s  -        AWS Batch throttles calls",
  ]);
});

test("with room for it, a launch has its whole shape and a link", () => {
  const [, line = ""] = launchesTable([launch({})], { paint: plain, wide: true, nowMs: 1 });
  assert.match(line, /3cpu-500mib-spot-d9949ef15756d31c .* https:\/\/x\/1f0c-77$/);
});

test("launched workers are shown with their jobs, and lists of others have no place for any", () => {
  const launched: ShownWorker = { ...worker, job: { id: "1f0c-77:0", link: "https://x/1f0c-77" } };
  const look = { paint: plain, wide: false, version: "1.0.0" };
  assert.match(workersTable([launched, worker], look)[0] ?? "", /VERSION {2}JOB$/);
  assert.match(workersTable([launched, worker], look)[1] ?? "", / 1f0c-77:0$/);
  assert.match(workersTable([launched, worker], look)[2] ?? "", / -$/);
  assert.match(workersTable([worker], look)[0] ?? "", /VERSION$/);
  assert.match(workersTable([launched], { ...look, wide: true })[1] ?? "", /https:\/\/x\/1f0c-77$/);
  assert.ok(workerLines(launched, look).some((line) => /job +1f0c-77:0$/.test(line)));
});
