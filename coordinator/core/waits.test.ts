import assert from "node:assert/strict";
import { test } from "node:test";
import type { StepPolicy, StepResources } from "../../proto/graph.ts";
import type { RunOptions } from "../../proto/event.ts";
import type { WaitReason } from "../../proto/waits.ts";
import { graphOf, PlayedRun } from "../../test/simulation/played-run.ts";
import type { Offer, Room } from "./needs.ts";
import { waitsOf, type Surroundings } from "./waits.ts";

type Around = Partial<Omit<Surroundings, "ofStep">> & { readonly step?: number };

const none: StepResources = { cpu: null, memoryMiB: null, gpu: 0 };

function worker(offer: Partial<Offer & { free: Room }> = {}): Offer & { readonly free: Room } {
  const total = { slots: 2, cpu: 4, memoryMiB: 4096, gpu: 0 };
  return { pool: "default", labels: {}, total, unbounded: false, free: offer.total ?? total, ...offer };
}

function around({ workers = [worker()], queue = null, ofFlow = 0, step = 0 }: Around): Surroundings {
  return { workers, queue, ofFlow, ofStep: () => step, launching: () => null };
}

function start(policy: Partial<StepPolicy> = {}, options: Partial<RunOptions> = {}, flowMax?: number): PlayedRun {
  const graph = graphOf({ start: { to: "end", policy }, end: { to: null } });
  return new PlayedRun(flowMax === undefined ? graph : { ...graph, concurrencyMax: flowMax }, { options });
}

/** Why the one task of a run waits. */
function why(run: PlayedRun, surroundings: Around | null): WaitReason | null {
  const groups = waitsOf(run.state, surroundings === null ? null : around(surroundings));
  assert.ok(groups.length <= 1);
  return groups[0]?.reason ?? null;
}

const resources = (asked: Partial<StepResources>): Partial<StepPolicy> => ({ resources: { ...none, ...asked } });

const cases: readonly [rule: string, policy: Partial<StepPolicy>, around: Around | null, reason: WaitReason][] = [
  ["nobody drives the run", {}, null, { kind: "interrupted" }],
  ["no worker is there", {}, { workers: [] }, { kind: "noWorker", pool: "default" }],
  ["no worker is in the pool", resources({ pool: "gpu" }), {}, { kind: "noWorker", pool: "gpu" }],
  ["no worker has a label", resources({ labels: { a: "1" } }), {}, { kind: "noLabels", pool: "default", lacking: ["a=1"] }],
  [
    "no worker has two labels together",
    resources({ labels: { a: "1", b: "2" } }),
    { workers: [worker({ labels: { a: "1" } }), worker({ labels: { b: "2" } })] },
    { kind: "noLabels", pool: "default", lacking: [] },
  ],
  [
    "no worker has the memory",
    resources({ memoryMiB: 8192 }),
    {},
    { kind: "tooLarge", beyond: [{ resource: "memory", asks: 8192, largest: 4096 }] },
  ],
  [
    "no worker has all sizes together",
    resources({ cpu: 8, memoryMiB: 8192 }),
    {
      workers: [
        worker({ total: { slots: 1, cpu: 8, memoryMiB: 1024, gpu: 0 } }),
        worker({ total: { slots: 1, cpu: 1, memoryMiB: 9000, gpu: 0 } }),
      ],
    },
    { kind: "tooLarge", beyond: [] },
  ],
  ["the queue is away", {}, { queue: { sinceMs: 5, problem: "gone" } }, { kind: "queue", sinceMs: 5, problem: "gone" }],
  [
    "no worker comes before the queue: what is missing there would help nobody",
    resources({ pool: "gpu" }),
    { queue: { sinceMs: 5, problem: "gone" } },
    { kind: "noWorker", pool: "gpu" },
  ],
  [
    "the worker that fits is busy, and another is free",
    resources({ cpu: 3 }),
    {
      workers: [
        worker({ free: { slots: 1, cpu: 2, memoryMiB: 1, gpu: 0 } }),
        worker({ total: { slots: 9, cpu: 2, memoryMiB: 1, gpu: 0 } }),
      ],
    },
    { kind: "busy", workers: 1 },
  ],
  ["the step's limit is reached", { concurrencyMax: 2 }, { step: 2 }, { kind: "stepLimit", max: 2 }],
  ["it is about to start", { concurrencyMax: 2 }, { step: 1 }, { kind: "turn" }],
  [
    "a machine by itself is busy when its slots are",
    resources({ cpu: 99, pool: "gpu" }),
    { workers: [worker({ unbounded: true, free: { slots: 0, cpu: 0, memoryMiB: 0, gpu: 0 } })] },
    { kind: "busy", workers: 1 },
  ],
];

for (const [rule, policy, surroundings, reason] of cases) {
  void test(`why a ready task waits: ${rule}`, () => {
    assert.deepEqual(why(start(policy), surroundings), reason);
  });
}

void test("the limit of the flow, and of the run, is told", () => {
  assert.deepEqual(why(start({}, {}, 3), { ofFlow: 3 }), { kind: "flowLimit", max: 3 });
  const run = new PlayedRun(
    graphOf({ start: { to: ["a", "b"] }, a: { to: "join" }, b: { to: "join" }, join: { to: "end", joins: "start" }, end: { to: null } }),
    {
      options: { workersMax: 1 },
    },
  );
  run.succeed("start/0");
  run.start("a/0");
  const groups = waitsOf(run.state, around({}));
  assert.deepEqual(groups, [{ step: "b", reason: { kind: "runLimit", max: 1 }, tasks: 1, examples: ["b/0"] }]);
});

void test("tasks of a step that wait alike are one group; a join tells how many of its inputs are there", () => {
  const retry = { times: 1, minutesBetween: 1, backoff: 1, maxMinutes: 5, on: null };
  const each = {
    start: { to: { each: "work" } },
    work: { to: "join", policy: { retry } },
    join: { to: "end", joins: "start" },
    end: { to: null },
  };
  const run = new PlayedRun(graphOf(each));
  run.succeed("start/0", {}, 8);
  for (const task of ["work/0", "work/1", "work/2"]) run.succeed(task);
  run.atMs += 1000;
  run.fail("work/4");
  run.atMs -= 500;
  run.fail("work/3");
  const inputs = { step: "join", reason: { kind: "inputs", arrived: 3, inputs: 8 }, tasks: 1, examples: ["join/0"] };
  const backoff = { kind: "backoff", untilMs: run.atMs + 60_000 };
  assert.deepEqual(waitsOf(run.state, around({})), [
    { step: "work", reason: backoff, tasks: 2, examples: ["work/3", "work/4"] },
    { step: "work", reason: { kind: "turn" }, tasks: 3, examples: ["work/5", "work/6", "work/7"] },
    inputs,
  ]);
  assert.deepEqual(waitsOf(run.state, null)[0], {
    step: "work",
    reason: { kind: "interrupted" },
    tasks: 5,
    examples: ["work/3", "work/4", "work/5"],
  });
  run.start("work/5");
  run.apply({ kind: "cancelRequested", atMs: run.atMs, by: "ada" });
  assert.deepEqual(waitsOf(run.state, around({})), [{ ...inputs, reason: { kind: "stopping", by: "ada" } }]);
});

void test("what runs, has ended, or waits for nothing is not told", () => {
  const run = start();
  run.start("start/0");
  assert.equal(why(run, {}), null);
});
