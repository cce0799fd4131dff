// One schedule: a random flow, a run of it under faults, its end, and sometimes a resumed run of what is left.

import assert from "node:assert/strict";
import { defaultRunOptions, type RunEvent, type RunOptions } from "../../proto/event.ts";
import { parseSha256, runIdOf, type RunId, type StepName, type TaskId } from "../../proto/ids.ts";
import type { SubmitRequest } from "../../proto/control.ts";
import { planResume } from "../../coordinator/core/resume.ts";
import type { RunState } from "../../coordinator/core/state.ts";
import { statusOf } from "../../coordinator/core/status.ts";
import { taskView } from "../../coordinator/core/task-view.ts";
import { runView } from "../../coordinator/core/view.ts";
import { digestOf, type Script } from "./behaviour.ts";
import { randomFlow, type RandomFlow } from "./graph.ts";
import { hashOf, Random } from "./random.ts";
import { interpret, scriptedFate, type FateOf } from "./reference.ts";
import { World, type Faults } from "./world.ts";

const codePackage = parseSha256("0".repeat(64));

export function playSchedule(seed: number): { readonly events: number; readonly tasks: number } {
  const random = new Random(seed);
  const flow = randomFlow(random);
  const options: RunOptions = {
    ...defaultRunOptions,
    workersMax: 1 + random.below(4),
    failFast: random.chance(0.15),
    splitsMax: random.chance(0.1) ? 2 : 1000,
    lossesMax: random.pick([1, 3, 1000]),
  };
  const script: Script = { salt: String(seed), versions: new Map(), isFaulty: random.chance(0.6) };
  const faults = randomFaults(random);
  const run = runIdOf(flow.graph.flow, 1);
  const world = new World({ flow, script, random, faults }, [submitted(flow, options, { run, origin: null })]);
  for (let i = random.below(160); i > 0; i--) world.act();
  finish(world);
  checkOutcome({ flow, script, options, world });
  const resumed = random.chance(0.5) ? resume({ flow, script, options, random, world }) : null;
  return { events: world.ledger.length + (resumed?.ledger.length ?? 0), tasks: world.state.tasks.size };
}

function randomFaults(random: Random): Faults {
  if (random.chance(0.15)) return { crash: 0, queue: 0, lose: 0, interfere: 0 };
  return {
    crash: random.pick([0, 0.1, 0.3]),
    queue: random.pick([0, 0.1, 0.4]),
    lose: random.pick([0, 0.2, 0.5]),
    interfere: random.pick([0, 0, 0.4]),
  };
}

function submitted(flow: RandomFlow, options: RunOptions, ids: { readonly run: RunId; readonly origin: RunId | null }): RunEvent {
  return {
    kind: "runSubmitted",
    atMs: 1_000_000,
    run: ids.run,
    graph: flow.graph,
    codePackage,
    parameters: {},
    secrets: [],
    options,
    context: { tags: [], namespace: "user:tester", user: "tester", originRun: ids.origin },
    systemTags: ["user:tester"],
  };
}

function finish(world: World): void {
  world.heal();
  for (let rounds = 0; !world.isFinished(); rounds++) {
    assert.ok(rounds < 2_000, "the run never ends");
    world.settle();
  }
  world.checker.refolded(world.state, world.ledger);
}

type Played = { readonly flow: RandomFlow; readonly script: Script; readonly options: RunOptions; readonly world: World };

/** Undisturbed, every task is what the script makes of it; disturbed, its artifacts still follow from what happened. */
function checkOutcome({ flow, script, options, world }: Played): void {
  const { state } = world;
  const isStrict = !world.isDisturbed && !options.failFast;
  const expected = interpret(flow, script, isStrict ? scriptedFate(flow, script, options.splitsMax) : asItHappened(state));
  const tasks = state.order.filter((task) => task.state.kind !== "waiting");
  for (const {
    id,
    state: { kind },
  } of tasks) {
    const want = expected.get(id);
    if (kind === "succeeded") assert.equal(want?.digest, digestOf(taskView(state, id)?.artifacts ?? {}), `artifacts of ${id}`);
    if (isStrict) assert.equal(kind, want?.status, `status of ${id}`);
  }
  if (isStrict) assert.equal(tasks.length, expected.size, "tasks of the run");
  const view = runView(state, null);
  const end = state.tasks.get("end/0" as TaskId);
  assert.equal(statusOf(state) === "succeeded", end?.state.kind === "succeeded", "a run succeeds with its last step");
  assert.equal(view.result === null, end?.state.kind !== "succeeded");
  for (const { step, total, counts } of view.steps) {
    const known = state.order.filter((task) => task.step.node.name === step).length;
    if (statusOf(state) === "succeeded") assert.equal(total, known, `total of ${step}`);
    else if (total !== null) assert.ok(total >= known, `total of ${step}: ${total} < ${known}`);
    assert.equal(counts.succeeded + counts.failed + counts.cancelled + counts.ready + counts.running + counts.waiting, known);
  }
}

function asItHappened(state: RunState): FateOf {
  return ({ task }) => {
    const known = state.tasks.get(task)?.state;
    if (known?.kind !== "succeeded") return { kind: "failed" };
    if (known.caught === null) return { kind: "ok" };
    const artifacts = Object.fromEntries(Object.entries(known.produced).filter(([, ref]) => ref.kind !== "caught"));
    return { kind: "caught", failure: known.caught, artifacts };
  };
}

/** Resumes the run after some of its steps have changed: with the faults of the script gone, it must succeed. */
function resume({ flow, script, options, random, world }: Played & { readonly random: Random }): World {
  const changed = flow.graph.steps.map((node) => node.name).filter(() => random.chance(0.1));
  const readers = flow.graph.steps.map((node) => node.name).filter(() => random.chance(0.1));
  const from = random.chance(0.2) ? random.pick(flow.graph.steps).name : null;
  const rerunCaught = random.chance(0.5);
  const request: SubmitRequest & { resume: object } = {
    graph: flow.graph,
    codePackage,
    parameters: {},
    secrets: [],
    options: { ...options, splitsMax: 1000 },
    tags: [],
    systemTags: [],
    namespace: "user:tester",
    user: "tester",
    resume: {
      origin: world.state.submitted.run,
      from,
      changedSteps: changed,
      changedParameters: readers.length > 0 ? ["rate"] : [],
      stepsReadingParameters: { rate: readers, unchanged: ["start" as StepName] },
      rerunCaught,
    },
  };
  const answer = planResume(world.state, request);
  if (answer.kind === "refused") throw new Error(answer.message);
  const again = after(flow, [...changed, ...readers, ...(from === null ? [] : [from])]);
  assert.deepEqual(new Set(answer.reused.map(({ task }) => task)), reusable(world.state, { again, rerunCaught }), "what is reused");
  const versions = new Map([...changed, ...readers].map((step) => [step, 1] as const));
  const healthy: Script = { ...script, versions, isFaulty: false };
  const half = Math.floor(answer.reused.length / 2);
  const history: RunEvent[] = [
    submitted(flow, request.options, { run: runIdOf(flow.graph.flow, 2), origin: world.state.submitted.run }),
    { kind: "tasksReused", atMs: 1_000_000, tasks: answer.reused.slice(0, half) },
    { kind: "tasksReused", atMs: 1_000_000, tasks: answer.reused.slice(half) },
  ];
  const next = new World({ flow, script: healthy, random, faults: { crash: 0.05, queue: 0.1, lose: 0, interfere: 0 } }, history);
  for (let i = random.below(40); i > 0; i--) next.act();
  finish(next);
  assert.equal(statusOf(next.state), "succeeded", "a resumed run without faults succeeds");
  checkReuse(next, { answer, again });
  const expected = interpret(flow, healthy, asItHappened(next.state));
  for (const { id } of next.state.order)
    assert.equal(expected.get(id)?.digest, digestOf(taskView(next.state, id)?.artifacts ?? {}), `artifacts of ${id}`);
  return next;
}

type Planned = Extract<ReturnType<typeof planResume>, { kind: "planned" }>;

function checkReuse(next: World, { answer, again }: { readonly answer: Planned; readonly again: ReadonlySet<StepName> }): void {
  const reused = new Set(answer.reused.map(({ task }) => task));
  for (const { id, attempts, step } of next.state.order) {
    assert.equal(attempts.length === 0, reused.has(id), `${id} is reused or runs`);
    assert.ok(!reused.has(id) || !again.has(step.node.name), `${id} was to run again`);
  }
  for (const { step, reuse, run } of answer.plan.steps) {
    const tasks = next.state.order.filter((task) => task.step.node.name === step);
    assert.equal(reuse, tasks.filter(({ attempts }) => attempts.length === 0).length, `plan of ${step}: reuse`);
    if (run !== null) assert.equal(run, tasks.length - reuse, `plan of ${step}: run`);
  }
}

/** By its definition: what succeeded, is not to run again, and comes from nothing but such tasks. */
function reusable(state: RunState, wish: { readonly again: ReadonlySet<StepName>; readonly rerunCaught: boolean }): Set<TaskId> {
  const ok = new Set<TaskId>();
  for (let grew = true; grew;) {
    grew = false;
    for (const task of state.order) {
      if (ok.has(task.id) || task.state.kind !== "succeeded" || wish.again.has(task.step.node.name)) continue;
      if (wish.rerunCaught && task.state.caught !== null) continue;
      if (!(taskView(state, task.id)?.parents ?? []).every((parent) => ok.has(parent))) continue;
      ok.add(task.id);
      grew = true;
    }
  }
  return ok;
}

function after(flow: RandomFlow, seeds: readonly StepName[]): Set<StepName> {
  const reached = new Set(seeds);
  for (let size = -1; size !== reached.size;) {
    size = reached.size;
    for (const { name, transition } of flow.graph.steps) {
      if (!reached.has(name)) continue;
      if (transition.kind === "branch") for (const to of transition.to) reached.add(to);
      else if (transition.kind === "switch") for (const to of Object.values(transition.cases)) reached.add(to);
      else if (transition.kind !== "end") reached.add(transition.to);
    }
  }
  return reached;
}

/** The seed of the schedule with this number. */
export function seedOf(base: string, number: number): number {
  return hashOf(`${base} ${number}`);
}
