// What runs need of launched workers, within their limits.

import assert from "node:assert/strict";
import { test } from "node:test";
import { someShape } from "../../ports/launch-ledger.conformance.ts";
import { demandOf, type RunDemand } from "./demand.ts";

const size = { slots: 2, usdPerHour: 0 };

function tasksOf(runs: readonly RunDemand[], workersPerRunMax = 100): Readonly<Record<string, number>> {
  return Object.fromEntries(demandOf(runs, { workersPerRunMax }, () => size).map(({ key, tasks }) => [key, tasks]));
}

function wanted(...tasks: readonly (readonly [string, number])[]): RunDemand["wanted"] {
  return tasks.map(([key, count]) => ({ key, shape: someShape, tasks: count }));
}

test("runs that need the same share workers, and each counts", () => {
  assert.deepEqual(
    tasksOf([
      { tasksMax: 99, wanted: wanted(["a", 3], ["b", 1]) },
      { tasksMax: 99, wanted: wanted(["a", 4]) },
    ]),
    {
      a: 7,
      b: 1,
    },
  );
});

test("a run needs no more than it may run at once", () => {
  assert.deepEqual(tasksOf([{ tasksMax: 5, wanted: wanted(["a", 3], ["b", 9]) }]), { a: 3, b: 2 });
});

test("a run is a reason for no more workers than its share", () => {
  assert.deepEqual(tasksOf([{ tasksMax: 99, wanted: wanted(["a", 3], ["b", 9]) }], 3), { a: 3, b: 2 });
  assert.deepEqual(
    tasksOf(
      [
        { tasksMax: 99, wanted: wanted(["a", 30]) },
        { tasksMax: 99, wanted: wanted(["a", 30]) },
      ],
      3,
    ),
    { a: 12 },
  );
});
