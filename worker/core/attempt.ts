// One attempt of a task as its worker sees it, from the order to the one answer that is given.
//
// A1. Exactly one of `deliverReport`, `deliverFailure` and `forget` is ever asked for, and nothing after it.
// A2. The first cause of a stop wins: what happens while the attempt is being stopped is explained by that cause.
// A3. A revoked attempt is never reported, whatever it was doing.
// A4. Once the step's code has returned, no time-out can end the attempt: keeping artifacts isn't the step's doing.

import type { Failure } from "../../proto/failure.ts";
import { unreachable } from "../../proto/unreachable.ts";

/** Why an attempt is being stopped. */
type StopCause =
  | { readonly kind: "timeout"; readonly afterSeconds: number }
  | { readonly kind: "cancelled"; readonly by: string }
  | ReturnedFailure
  | OutOfMemoryFailure
  | { readonly kind: "revoked" };

type ReturnedFailure = Extract<Failure, { kind: "returned" }>;
type OutOfMemoryFailure = Extract<Failure, { kind: "outOfMemory" }>;

export type AttemptState =
  /** No process has taken the order yet. */
  | { readonly kind: "waiting" }
  | { readonly kind: "running" }
  /** The step's code has returned; its artifacts are being kept. */
  | { readonly kind: "keeping" }
  /** `pressure` is what has been done so far to make it end. */
  | { readonly kind: "stopping"; readonly cause: StopCause; readonly pressure: "asked" | "terminated" | "killed" }
  | { readonly kind: "ended" };

export type AttemptEvent =
  | { readonly kind: "started"; readonly timeoutSeconds: number | null }
  | { readonly kind: "codeReturned" }
  /** The task process has sent its outcome. */
  | { readonly kind: "reported" }
  | { readonly kind: "timeoutDue"; readonly afterSeconds: number }
  | { readonly kind: "stopRequested"; readonly by: string; readonly graceMs: number }
  | { readonly kind: "revoked" }
  /** It is to go back to the coordinator. */
  | { readonly kind: "givenBack"; readonly failure: ReturnedFailure; readonly graceMs: number }
  /** Its processes hold more memory than it may have. */
  | { readonly kind: "memoryExceeded"; readonly failure: OutOfMemoryFailure }
  | { readonly kind: "graceOver" }
  /** The task process is gone, or could not be started; `failure` says why where nobody stopped it. */
  | { readonly kind: "processEnded"; readonly failure: Failure }
  /** It has reported, and what it wrote cannot be brought to the store. */
  | { readonly kind: "notStored"; readonly failure: Failure };

export type AttemptAction =
  | { readonly kind: "armTimeout"; readonly seconds: number }
  | { readonly kind: "disarmTimeout" }
  /** Tells the step; a process that can still answer reports `failure` after at most `settleMs`. */
  | { readonly kind: "abort"; readonly failure: Failure; readonly settleMs: number }
  | { readonly kind: "armGrace"; readonly ms: number }
  | { readonly kind: "terminate" }
  | { readonly kind: "kill" }
  | { readonly kind: "deliverReport" }
  | { readonly kind: "deliverFailure"; readonly failure: Failure }
  | { readonly kind: "forget" };

export type AttemptStep = { readonly state: AttemptState; readonly actions: readonly AttemptAction[] };

/** How long a step that timed out may take to notice, and its process to keep what was set, before it is killed. Milliseconds. */
export const timeoutGraceMs = 1000;
/** Part of a stop's grace time after which the process group gets SIGTERM; SIGKILL follows when all of it is over. */
const politeShare = 0.8;
/** Part of a stop's grace time in which the step's own clean-up may run. */
const settleShare = 0.6;

export const newAttempt: AttemptState = { kind: "waiting" };

export function advanceAttempt(state: AttemptState, event: AttemptEvent): AttemptStep {
  switch (state.kind) {
    case "waiting":
      return whileWaiting(state, event);
    case "running":
    case "keeping":
      return whileRunning(state, event);
    case "stopping":
      return whileStopping(state, event);
    case "ended":
      return { state, actions: [] }; // A1
    default:
      return unreachable(state);
  }
}

function whileWaiting(state: AttemptState, event: AttemptEvent): AttemptStep {
  switch (event.kind) {
    case "started":
      return {
        state: { kind: "running" },
        actions: event.timeoutSeconds === null ? [] : [{ kind: "armTimeout", seconds: event.timeoutSeconds }],
      };
    case "stopRequested":
      return end({ kind: "deliverFailure", failure: { kind: "cancelled", by: event.by } });
    case "revoked":
      return end({ kind: "forget" });
    case "givenBack":
    case "processEnded":
      return end({ kind: "deliverFailure", failure: event.failure });
    case "codeReturned":
    case "reported":
    case "timeoutDue":
    case "memoryExceeded":
    case "graceOver":
    case "notStored":
      return { state, actions: [] };
    default:
      return unreachable(event);
  }
}

function whileRunning(state: AttemptState & { kind: "running" | "keeping" }, event: AttemptEvent): AttemptStep {
  switch (event.kind) {
    case "codeReturned":
      return { state: { kind: "keeping" }, actions: [{ kind: "disarmTimeout" }] }; // A4
    case "reported":
      return end({ kind: "disarmTimeout" }, { kind: "deliverReport" });
    case "timeoutDue": {
      if (state.kind === "keeping") return { state, actions: [] }; // A4
      const failure: Failure = { kind: "timeout", afterSeconds: event.afterSeconds };
      return stop({ kind: "timeout", afterSeconds: event.afterSeconds }, failure, timeoutGraceMs);
    }
    case "stopRequested":
      return stop({ kind: "cancelled", by: event.by }, { kind: "cancelled", by: event.by }, event.graceMs);
    case "givenBack":
      return stop(event.failure, event.failure, event.graceMs);
    case "memoryExceeded":
      return kill(event.failure);
    case "revoked":
      return {
        state: { kind: "stopping", cause: { kind: "revoked" }, pressure: "killed" },
        actions: [{ kind: "disarmTimeout" }, { kind: "kill" }],
      };
    case "processEnded":
    case "notStored":
      return end({ kind: "disarmTimeout" }, { kind: "deliverFailure", failure: event.failure });
    case "started":
    case "graceOver":
      return { state, actions: [] };
    default:
      return unreachable(event);
  }
}

function whileStopping(state: AttemptState & { kind: "stopping" }, event: AttemptEvent): AttemptStep {
  switch (event.kind) {
    case "reported":
      // The process answers an abort with the cause it was given, so a report is right even where it crossed the abort.
      return state.cause.kind === "revoked" ? { state, actions: [] } : end({ kind: "deliverReport" });
    case "processEnded":
    case "notStored":
      return state.cause.kind === "revoked" ? end({ kind: "forget" }) : end({ kind: "deliverFailure", failure: state.cause }); // A2, A3
    case "revoked":
      return { state: { kind: "stopping", cause: { kind: "revoked" }, pressure: "killed" }, actions: [{ kind: "kill" }] }; // A3
    case "stopRequested":
      // Asked again without patience: the second Ctrl-C.
      return event.graceMs > 0 || state.pressure === "killed" ? { state, actions: [] } : kill(state.cause);
    case "memoryExceeded":
      return state.pressure === "killed" ? { state, actions: [] } : kill(state.cause); // A2
    case "graceOver":
      return press(state);
    case "started":
    case "givenBack":
    case "codeReturned":
    case "timeoutDue":
      return { state, actions: [] };
    default:
      return unreachable(event);
  }
}

function press(state: AttemptState & { kind: "stopping" }): AttemptStep {
  switch (state.pressure) {
    case "asked":
      return state.cause.kind === "timeout"
        ? kill(state.cause)
        : { state: { ...state, pressure: "terminated" }, actions: [{ kind: "terminate" }] };
    case "terminated":
      return kill(state.cause);
    case "killed":
      return { state, actions: [] };
    default:
      return unreachable(state.pressure);
  }
}

function stop(cause: StopCause, failure: Failure, graceMs: number): AttemptStep {
  if (graceMs <= 0) return kill(cause);
  return {
    state: { kind: "stopping", cause, pressure: "asked" },
    actions: [
      { kind: "disarmTimeout" },
      { kind: "abort", failure, settleMs: Math.round(graceMs * settleShare) },
      { kind: "armGrace", ms: Math.round(cause.kind === "timeout" ? graceMs : graceMs * politeShare) },
    ],
  };
}

function kill(cause: StopCause): AttemptStep {
  return { state: { kind: "stopping", cause, pressure: "killed" }, actions: [{ kind: "disarmTimeout" }, { kind: "kill" }] };
}

function end(...actions: readonly AttemptAction[]): AttemptStep {
  return { state: { kind: "ended" }, actions };
}
