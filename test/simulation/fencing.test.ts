// Leases and attempts, explored whole: two coordinators that both believe they drive the run, two workers, two attempts.
// Every order of reading, starting, losing, reporting and appending is tried, an assignment leaves before its event is durable,
// and every assignment may report to either coordinator at any time, again and again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultRunOptions, type RunEvent } from "../../proto/event.ts";
import { defaultPolicy } from "../../proto/graph.ts";
import { parseFlowName, parseSha256, parseStepName, runIdOf, taskIdOf } from "../../proto/ids.ts";
import { fold } from "../../coordinator/core/advance.ts";
import { decideLost, decideOutcome, decideStart, type OutcomeReport } from "../../coordinator/core/decide.ts";
import type { Decision } from "../../coordinator/core/decision.ts";
import type { RunState } from "../../coordinator/core/state.ts";
import { statusOf } from "../../coordinator/core/status.ts";

type Assigned = { readonly worker: string; readonly attempt: number; readonly lease: number };
type World = { readonly ledger: readonly RunEvent[]; readonly known: readonly [number, number]; readonly assigned: readonly Assigned[] };
type Rules = {
  readonly report: (state: RunState, report: OutcomeReport) => Decision;
  /** Whether an append is refused when somebody else has appended. */
  readonly appendsAreFenced: boolean;
};

const start = parseStepName("start");
const task = taskIdOf(start, []);
const flow = parseFlowName("OneStep");
const usage = { startedAtMs: 1, finishedAtMs: 2, cpuMs: 1, peakMiB: 1 };
const history: readonly RunEvent[] = [
  {
    kind: "runSubmitted",
    atMs: 1,
    run: runIdOf(flow, 1),
    graph: {
      flow,
      file: "one.ts",
      doc: "",
      parameters: [],
      steps: [
        { name: start, doc: "", line: 1, file: "one.ts", transition: { kind: "end" }, joins: null, within: [], policy: defaultPolicy },
      ],
    },
    codePackage: parseSha256("0".repeat(64)),
    parameters: {},
    secrets: [],
    options: { ...defaultRunOptions, workersMax: 1, lossesMax: 1 },
    context: { tags: [], namespace: "", user: "tester", originRun: null },
    systemTags: [],
  },
  { kind: "runStarted", atMs: 1 },
];

function append(world: World, by: 0 | 1, { decision, rules }: { decision: Decision; rules: Rules }): World | null {
  if (decision.kind === "refused" || decision.events.length === 0) return null;
  if (rules.appendsAreFenced && world.known[by] !== world.ledger.length) return null;
  const ledger = [...world.ledger, ...decision.events];
  return { ...world, ledger, known: world.known.with(by, ledger.length) as [number, number] };
}

function successors(world: World, rules: Rules): World[] {
  return ([0, 1] as const).flatMap((by) => {
    const known = world.known[by];
    const state = fold(world.ledger.slice(0, known));
    const after: (World | null)[] = [{ ...world, known: world.known.with(by, world.ledger.length) as [number, number] }];
    const lease = (known + 1) * 2 + by;
    for (const worker of ["a", "b"]) {
      const attempt = state.tasks.get(task)?.attempts.length ?? 0;
      const decision = decideStart(state, { task, attempt, lease, worker, atMs: 1 });
      if (decision.kind === "refused") continue;
      const told = { ...world, assigned: [...world.assigned, { worker, attempt, lease }] };
      after.push(told, append(told, by, { decision, rules }));
    }
    const running = state.tasks.get(task)?.attempts.at(-1);
    if (running !== undefined)
      after.push(append(world, by, { decision: decideLost(state, { ...running, task, how: "lost", atMs: 1 }), rules }));
    for (const { attempt, lease } of world.assigned) {
      const outcome = { kind: "succeeded", taken: { kind: "end" }, artifacts: {}, usage } as const;
      after.push(append(world, by, { decision: rules.report(state, { task, attempt, lease, outcome, atMs: 1 }), rules }));
    }
    return after.filter((each) => each !== null);
  });
}

function keyOf({ ledger, known, assigned }: World): string {
  const events = ledger.slice(2).map((event) => ("lease" in event ? `${event.kind} ${event.attempt} ${event.lease}` : event.kind));
  const told = [...new Set(assigned.map(({ worker, attempt, lease }) => `${worker} ${attempt} ${lease}`))].toSorted();
  return JSON.stringify([events, known, told]);
}

/** What is wrong with a history: its results must be of the attempt and the lease that were started last, and no more than one. */
function wrongWith({ ledger }: World): string | null {
  let started: { attempt: number; lease: number } | null = null;
  let results = 0;
  for (const event of ledger) {
    if (event.kind === "taskStarted") {
      if (results > 0) return "started after its result";
      if (started !== null && event.lease <= started.lease) return "a lease that does not rise";
      started = event;
    }
    if (event.kind !== "taskSucceeded") continue;
    results += 1;
    if (results > 1) return "two results";
    if (event.attempt !== started?.attempt || event.lease !== started.lease) return "a stale result";
  }
  return null;
}

function explore(rules: Rules): { worlds: number; statuses: Set<string>; wrong: string | null; deadEnds: number } {
  const seen = new Map<string, World>();
  const queue: World[] = [{ ledger: history, known: [2, 2], assigned: [] }];
  const statuses = new Set<string>();
  let deadEnds = 0;
  for (const world of queue) {
    const wrong = wrongWith(world);
    if (wrong !== null) return { worlds: seen.size, statuses, wrong, deadEnds };
    const next = successors(world, rules).filter((each) => !seen.has(keyOf(each)));
    const state = fold(world.ledger);
    if (state.finishedAtMs !== null) statuses.add(statusOf(state));
    else if (successors(world, rules).every((each) => keyOf(each) === keyOf(world))) deadEnds += 1;
    for (const each of next) {
      if (seen.has(keyOf(each))) continue;
      seen.set(keyOf(each), each);
      queue.push(each);
    }
  }
  return { worlds: seen.size, statuses, wrong: null, deadEnds };
}

test("a task has one result, of its last attempt under its last lease, whatever two coordinators and two workers do", (t) => {
  const found = explore({ report: decideOutcome, appendsAreFenced: true });
  assert.equal(found.wrong, null);
  assert.equal(found.deadEnds, 0);
  assert.deepEqual(found.statuses, new Set(["succeeded", "failed"]));
  t.diagnostic(`${found.worlds} worlds`);
});

test("control: without leases, a result of an assignment that was never recorded is accepted", () => {
  const report = (state: RunState, told: OutcomeReport): Decision => {
    const lease = state.tasks.get(task)?.attempts.at(-1)?.lease ?? 0;
    const decision = decideOutcome(state, { ...told, lease });
    if (decision.kind === "refused") return decision;
    return { ...decision, events: decision.events.map((event) => ("lease" in event ? { ...event, lease: told.lease } : event)) };
  };
  // The fold itself refuses what was not decided rightly, so that the search ends where it is noticed first.
  assert.throws(() => {
    const { wrong } = explore({ report, appendsAreFenced: true });
    if (wrong !== null) throw new Error(wrong);
  }, /stale|is not running/);
});

test("control: without the ledger's sequence numbers, two coordinators accept two results", () => {
  assert.throws(() => {
    const { wrong } = explore({ report: decideOutcome, appendsAreFenced: false });
    if (wrong !== null) throw new Error(wrong);
  }, /two results|is not running|cannot become|out of turn|a lease that does not rise/);
});
