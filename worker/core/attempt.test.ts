import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Failure } from "../../proto/failure.ts";
import { advanceAttempt, newAttempt, timeoutGraceMs, type AttemptAction, type AttemptEvent, type AttemptState } from "./attempt.ts";

const killed: Failure = { kind: "signal", signal: "SIGKILL" };

function follow(...events: readonly AttemptEvent[]): { readonly state: AttemptState; readonly actions: readonly AttemptAction[] } {
  let state = newAttempt;
  const all: AttemptAction[] = [];
  for (const event of events) {
    const step = advanceAttempt(state, event);
    state = step.state;
    all.push(...step.actions);
  }
  return { state, actions: all };
}

const started: AttemptEvent = { kind: "started", timeoutSeconds: 3 };

test("a step that ends by itself is reported, and its time-out is disarmed", () => {
  const { state, actions } = follow(started, { kind: "codeReturned" }, { kind: "reported" });
  assert.equal(state.kind, "ended");
  assert.deepEqual(
    actions.map((action) => action.kind),
    ["armTimeout", "disarmTimeout", "disarmTimeout", "deliverReport"],
  );
});

test("a time-out cannot end an attempt that only keeps its artifacts", () => {
  const { state, actions } = follow(started, { kind: "codeReturned" }, { kind: "timeoutDue", afterSeconds: 3 });
  assert.equal(state.kind, "keeping");
  assert.equal(actions.at(-1)?.kind, "disarmTimeout");
});

test("a time-out asks first, and kills when the grace time is over", () => {
  const { actions } = follow(
    started,
    { kind: "timeoutDue", afterSeconds: 3 },
    { kind: "graceOver" },
    { kind: "processEnded", failure: killed },
  );
  assert.deepEqual(actions.slice(1), [
    { kind: "disarmTimeout" },
    { kind: "abort", failure: { kind: "timeout", afterSeconds: 3 }, settleMs: 600 },
    { kind: "armGrace", ms: timeoutGraceMs },
    { kind: "disarmTimeout" },
    { kind: "kill" },
    { kind: "deliverFailure", failure: { kind: "timeout", afterSeconds: 3 } },
  ]);
});

test("a cancelled step gets its abort signal, then SIGTERM, then SIGKILL", () => {
  const { actions } = follow(started, { kind: "stopRequested", by: "ann", graceMs: 1000 }, { kind: "graceOver" }, { kind: "graceOver" });
  assert.deepEqual(
    actions.slice(2).map((action) => action.kind),
    ["abort", "armGrace", "terminate", "disarmTimeout", "kill"],
  );
});

test("the first cause of a stop explains the end of the process", () => {
  const { actions } = follow(
    started,
    { kind: "timeoutDue", afterSeconds: 3 },
    { kind: "stopRequested", by: "ann", graceMs: 1000 },
    { kind: "processEnded", failure: killed },
  );
  assert.deepEqual(actions.at(-1), { kind: "deliverFailure", failure: { kind: "timeout", afterSeconds: 3 } });
});

test("a stop without grace kills at once, also while a patient stop is under way", () => {
  const impatient: AttemptEvent = { kind: "stopRequested", by: "ann", graceMs: 0 };
  assert.equal(follow(started, impatient).actions.at(-1)?.kind, "kill");
  assert.equal(follow(started, { kind: "stopRequested", by: "ann", graceMs: 9000 }, impatient).actions.at(-1)?.kind, "kill");
});

test("an order that has no process yet is cancelled without one", () => {
  const { state, actions } = follow({ kind: "stopRequested", by: "ann", graceMs: 1000 });
  assert.equal(state.kind, "ended");
  assert.deepEqual(actions, [{ kind: "deliverFailure", failure: { kind: "cancelled", by: "ann" } }]);
});

test("a process that ends by itself is reported with the way it ended", () => {
  assert.deepEqual(follow(started, { kind: "processEnded", failure: killed }).actions.at(-1), { kind: "deliverFailure", failure: killed });
});

const returned = { kind: "returned", worker: "w1", why: "drained" } as const;
const tooMuch = { kind: "outOfMemory", peakMiB: 300, limitMiB: 200 } as const;

test("what is given back is asked to end, and explains the end of its process", () => {
  const { actions } = follow(
    started,
    { kind: "givenBack", failure: returned, graceMs: 1000 },
    { kind: "graceOver" },
    { kind: "processEnded", failure: killed },
  );
  assert.deepEqual(
    actions.slice(2).map((action) => action.kind),
    ["abort", "armGrace", "terminate", "deliverFailure"],
  );
  assert.deepEqual(actions.at(-1), { kind: "deliverFailure", failure: returned });
});

test("an order that has no process yet is given back as it is", () => {
  const { actions } = follow({ kind: "givenBack", failure: returned, graceMs: 1000 });
  assert.deepEqual(actions, [{ kind: "deliverFailure", failure: returned }]);
});

test("an attempt that holds too much memory is killed at once, and that is why it failed", () => {
  const { actions } = follow(started, { kind: "memoryExceeded", failure: tooMuch }, { kind: "processEnded", failure: killed });
  assert.deepEqual(actions.slice(1), [{ kind: "disarmTimeout" }, { kind: "kill" }, { kind: "deliverFailure", failure: tooMuch }]);
});

const anyEvent: fc.Arbitrary<AttemptEvent> = fc.oneof(
  fc.constant<AttemptEvent>({ kind: "started", timeoutSeconds: 1 }),
  fc.constant<AttemptEvent>({ kind: "codeReturned" }),
  fc.constant<AttemptEvent>({ kind: "reported" }),
  fc.constant<AttemptEvent>({ kind: "timeoutDue", afterSeconds: 1 }),
  fc.constant<AttemptEvent>({ kind: "stopRequested", by: "ann", graceMs: 0 }),
  fc.constant<AttemptEvent>({ kind: "stopRequested", by: "ann", graceMs: 10 }),
  fc.constant<AttemptEvent>({ kind: "revoked" }),
  fc.constant<AttemptEvent>({ kind: "givenBack", failure: returned, graceMs: 10 }),
  fc.constant<AttemptEvent>({ kind: "memoryExceeded", failure: tooMuch }),
  fc.constant<AttemptEvent>({ kind: "graceOver" }),
  fc.constant<AttemptEvent>({ kind: "processEnded", failure: killed }),
);
const answers = new Set(["deliverReport", "deliverFailure", "forget"]);

test("whatever happens, an attempt is answered at most once, and nothing is done afterwards", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 12 }), (events) => {
      const { state, actions } = follow(...events);
      const firstAnswer = actions.findIndex((action) => answers.has(action.kind));
      assert.equal(actions.filter((action) => answers.has(action.kind)).length, state.kind === "ended" ? 1 : 0);
      if (firstAnswer !== -1) assert.equal(firstAnswer, actions.length - 1);
    }),
    { numRuns: 2000 },
  );
});

test("an attempt that was revoked before it ended is never reported", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 6 }), fc.array(anyEvent, { maxLength: 6 }), (before, after) => {
      if (follow(...before).state.kind === "ended") return;
      const { actions } = follow(...before, { kind: "revoked" }, ...after);
      assert.ok(!actions.some((action) => action.kind === "deliverReport" || action.kind === "deliverFailure"));
    }),
    { numRuns: 2000 },
  );
});

test("an attempt always ends once its process has ended", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 10 }), (events) => {
      assert.equal(follow(...events, { kind: "processEnded", failure: killed }).state.kind, "ended");
    }),
    { numRuns: 2000 },
  );
});
