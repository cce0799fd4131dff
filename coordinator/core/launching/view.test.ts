import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLaunchId } from "../../../proto/launch.ts";
import { shapeKey, shapeOf } from "../../../proto/shape.ts";
import type { LaunchEvent } from "./event.ts";
import type { LaunchReport } from "./sight.ts";
import { applyLaunchEvent, newLaunchingState } from "./state.ts";
import { launchViews, type Seen } from "./view.ts";

const launch = parseLaunchId("launch0001");
const placement = { cpu: 1, memoryMiB: 1000, gpu: 0, queue: null, image: null, options: {} };
const shape = shapeOf(placement, { memoryMiB: 1000, capacity: "spot" });
const planned: LaunchEvent = { kind: "launchPlanned", atMs: 1, launch, shape, count: 3, slots: 2, usdPerHour: 0.1 };
const submitted: LaunchEvent = { kind: "launchSubmitted", atMs: 2, launch, job: "j", knownBy: "answer" };
const nothing: Seen = { reports: new Map(), links: new Map() };

function viewAfter(events: readonly LaunchEvent[], seen: Seen = nothing): ReturnType<typeof launchViews>[number] {
  const state = newLaunchingState();
  for (const event of events) applyLaunchEvent(state, event);
  const [view] = launchViews(state, seen);
  assert.ok(view !== undefined);
  return view;
}

function seenWith(job: Partial<NonNullable<LaunchReport["job"]>>): Seen {
  const whole = { waiting: 2, starting: 0, running: 1, ended: 0, waitsFor: null, failures: [], ...job };
  return { reports: new Map([[launch, { askedAtMs: 0, job: whole }]]), links: new Map([[launch, "https://x"]]) };
}

test("a launch is shown with its job, those of its workers that are there, and what the service said last", () => {
  const events: LaunchEvent[] = [
    planned,
    submitted,
    { kind: "workerClaimed", atMs: 3, launch, index: 1, worker: "b" },
    { kind: "workerClaimed", atMs: 3, launch, index: 0, worker: "a" },
    { kind: "workerClaimed", atMs: 3, launch, index: 2, worker: "c" },
    { kind: "workerLeft", atMs: 4, launch, index: 2, why: "idle" },
  ];
  assert.deepEqual(viewAfter(events, seenWith({})), {
    launch,
    shape: shapeKey(shape),
    plannedAtMs: 1,
    stage: "submitted",
    count: 3,
    slots: 2,
    usdPerHour: 0.1,
    job: "j",
    link: "https://x",
    workers: [
      { index: 0, worker: "a" },
      { index: 1, worker: "b" },
    ],
    seen: { waiting: 2, starting: 0, running: 1, ended: 0 },
    why: null,
  });
});

test("why it waits, or how it ended, is told in the service's words", () => {
  const failures = [{ index: 0, kind: "image" as const, reason: "CannotPull" }];
  const cases: readonly [events: readonly LaunchEvent[], seen: Seen, why: string | null][] = [
    [[planned], nothing, null],
    [[planned, { kind: "launchPostponed", atMs: 2, launch, problem: "throttled", reason: "429", untilMs: 9 }], nothing, "429"],
    [[planned, { kind: "launchUncertain", atMs: 2, launch, reason: "no answer" }], nothing, "no answer"],
    [[planned, submitted], seenWith({ waitsFor: "CAPACITY:X", failures }), "CAPACITY:X"],
    [[planned, submitted], seenWith({ failures }), "image: CannotPull"],
    [[planned, { kind: "launchOver", atMs: 2, launch, end: { kind: "refused", reason: "403" } }], nothing, "refused: 403"],
    [[planned, submitted, { kind: "launchOver", atMs: 3, launch, end: { kind: "ended" } }], nothing, null],
  ];
  for (const [events, seen, why] of cases) assert.equal(viewAfter(events, seen).why, why);
});
