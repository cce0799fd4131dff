import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultRunOptions, type RunEvent } from "../../proto/event.ts";
import { runIdOf } from "../../proto/ids.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import { foreach, obedient, step, submission } from "../../test/coordinator/graphs.ts";
import { advance } from "../core/advance.ts";
import { decideOutcome, decideStart } from "../core/decide.ts";
import type { Decision } from "../core/decision.ts";
import { initialState, type RunState } from "../core/state.ts";
import type { QueuedTask } from "../ports/task-queue.ts";
import { Publication, windowMax } from "./publication.ts";

const graph = foreach();

function newState(workersMax: number): RunState {
  const { codePackage, parameters, secrets, systemTags, tags, namespace, user } = submission(graph);
  const context = { tags, namespace, user, originRun: null };
  const run = runIdOf(graph.flow, 1);
  const state = initialState({
    kind: "runSubmitted",
    atMs: 0,
    run,
    graph,
    codePackage,
    parameters,
    secrets,
    options: { ...defaultRunOptions, workersMax },
    context,
    systemTags,
  });
  advance(state, { kind: "runStarted", atMs: 0 });
  return state;
}

/** Applies what was decided, and tells the publication what became ready. */
function apply(state: RunState, publication: Publication, decision: Decision): void {
  assert.equal(decision.kind, "accepted");
  const events: readonly RunEvent[] = decision.kind === "accepted" ? decision.events : [];
  for (const event of events)
    for (const effect of advance(state, event)) if (effect.kind === "enqueue") publication.becameReady(effect.task);
}

type Fanned = { readonly state: RunState; readonly publication: Publication };
type Leased = QueuedTask & { readonly lease: number };

let leases = 0;

function start(state: RunState, publication: Publication, { task, attempt }: QueuedTask): number {
  leases += 1;
  apply(state, publication, decideStart(state, { task, attempt, lease: leases, worker: "w1", atMs: 0 }));
  publication.remove(task);
  return leases;
}

/** `width` elements for the task that opens the foreach. */
function finish({ state, publication }: Fanned, { task, attempt, lease }: Leased, width = 0): void {
  const outcome: TaskOutcome = obedient(graph, width)({ step: step(task.slice(0, task.indexOf("/"))) } as never);
  apply(state, publication, decideOutcome(state, { task, attempt, lease, outcome, atMs: 0 }));
}

function fannedOut(width: number, workersMax: number): Fanned {
  const state = newState(workersMax);
  const publication = new Publication(state);
  const [first] = publication.refill(0);
  assert.ok(first !== undefined);
  finish({ state, publication }, { ...first, lease: start(state, publication, first) }, width);
  return { state, publication };
}

void test("what became ready is published only once that is durable", () => {
  const { state, publication } = fannedOut(10, 100);
  assert.equal(publication.refill(0).length, 0);
  for (const task of state.ready) publication.becameDurable(task.id);
  assert.equal(publication.refill(0).length, 10);
});

void test("a wide foreach is published through a window, each task once and in order", () => {
  const width = windowMax * 5 + 1;
  const { state, publication } = fannedOut(width, 1_000_000);
  for (const task of state.ready) publication.becameDurable(task.id);
  const published: string[] = [];
  let waiting: QueuedTask[] = [];
  for (let tasks = publication.refill(0); tasks.length > 0; tasks = publication.refill(0)) {
    waiting = [...waiting, ...tasks];
    assert.ok(waiting.length <= windowMax);
    published.push(...tasks.map(({ task }) => task));
    for (const task of waiting.splice(0, 300)) finish({ state, publication }, { ...task, lease: start(state, publication, task) });
  }
  assert.deepEqual(
    published,
    Array.from({ length: width }, (_, index) => `work/${index}`),
  );
});

void test("published and running tasks together stay within the run's limit", () => {
  const { state, publication } = fannedOut(20, 3);
  for (const task of state.ready) publication.becameDurable(task.id);
  const [one, two, three, ...others] = publication.refill(0);
  assert.ok(one !== undefined && two !== undefined && three !== undefined && others.length === 0);
  const lease = start(state, publication, one);
  assert.equal(publication.refill(0).length, 0);
  finish({ state, publication }, { ...one, lease });
  assert.equal(publication.refill(0).length, 1);
});

void test("what was given back is published again", () => {
  const { state, publication } = fannedOut(2, 100);
  for (const task of state.ready) publication.becameDurable(task.id);
  const [one] = publication.refill(0);
  assert.ok(one !== undefined);
  publication.giveBack(one.task, one.attempt);
  assert.deepEqual(publication.refill(0), [one]);
});

void test("what nobody took is published again after a while, and what is no longer ready is not", () => {
  const { state, publication } = fannedOut(2, 100);
  for (const task of state.ready) publication.becameDurable(task.id);
  const [one, two] = publication.refill(1000);
  assert.ok(one !== undefined && two !== undefined);
  assert.deepEqual(publication.olderThan(999, 2000), []);
  start(state, publication, one);
  assert.deepEqual(publication.olderThan(1000, 2000), [two]);
  assert.deepEqual(publication.olderThan(1999, 3000), []);
});
