// What becomes of a task after a failed attempt.
//
// Two budgets: failures that say something about the step count against its `@retry`; losses of workers and starts that
// went wrong count against the run's `lossesMax`. What went back unharmed counts against neither. What is beyond its budget
// is caught where `@catchError` allows it.
//
// A failure of the step waits as its policy says. How long a loss waits is decided once and kept in its event, so that another
// rule of later days changes no history.

import { failureRules, returnsMax, type Failure } from "../../proto/failure.ts";
import type { RetryPolicy, StepNode } from "../../proto/graph.ts";
import type { TakenTransition } from "../../proto/order.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { RunState, Task } from "./state.ts";

export type Fate =
  | { readonly kind: "retry"; readonly account: "user" | "infrastructure" | "nobody"; readonly delayMs: number }
  | { readonly kind: "caught"; readonly taken: TakenTransition }
  | { readonly kind: "cancelled"; readonly by: string }
  | { readonly kind: "failed" };

/** How an attempt ended. `retryAfterMs`: the wait that its event tells. */
export type Ending = { readonly failure: Failure; readonly retryAfterMs?: number };

export function fateOf(state: RunState, task: Task, ending: Ending): Fate {
  const { failure } = ending;
  if (failure.kind === "cancelled") return { kind: "cancelled", by: failure.by };
  const retry = retryOf(state, task, ending);
  if (retry !== null) return state.stopping === null ? retry : { kind: "cancelled", by: state.stopping.by };
  const taken = task.step.node.policy.catch !== null && failureRules[failure.kind].catchable ? onlyTransition(task.step.node) : null;
  return taken === null ? { kind: "failed" } : { kind: "caught", taken };
}

function retryOf(state: RunState, task: Task, { failure, retryAfterMs = 0 }: Ending): Fate | null {
  const rule = failureRules[failure.kind];
  switch (rule.retry) {
    case "never":
      return null;
    case "nobody":
      return task.returns < returnsMax ? { kind: "retry", account: "nobody", delayMs: 0 } : afterLoss(state, task, retryAfterMs);
    case "infrastructure":
      return afterLoss(state, task, retryAfterMs);
    case "user": {
      const policy = task.step.node.policy.retry;
      if (policy === null || task.userFailures >= policy.times) return null;
      if (policy.on !== null && !policy.on.includes(failure.kind)) return null;
      return { kind: "retry", account: "user", delayMs: delayMsOf(policy, task.userFailures) };
    }
    default:
      return unreachable(rule.retry);
  }
}

function afterLoss(state: RunState, task: Task, delayMs: number): Fate | null {
  return task.losses < state.submitted.options.lossesMax ? { kind: "retry", account: "infrastructure", delayMs } : null;
}

/** The wait after a failure that `earlier` others came before. */
export function delayMsOf(policy: RetryPolicy, earlier: number): number {
  const minutes = Math.min(policy.minutesBetween * policy.backoff ** earlier, policy.maxMinutes);
  return Math.round(minutes * 60_000);
}

/** Where a step goes whatever its code computes; null where the code decides. */
function onlyTransition(node: StepNode): TakenTransition | null {
  switch (node.transition.kind) {
    case "end":
    case "linear":
    case "branch":
      return node.transition;
    case "foreach":
    case "switch":
      return null;
    default:
      return unreachable(node.transition);
  }
}
