// What becomes of a task after a failed attempt: another attempt, a caught value, or the end. The coordinator decides by
// the same rule; here it is applied without keeping a record of every task.

import { failureRules, returnsMax, type Failure } from "../../proto/failure.ts";
import type { StepNode, StepPolicy } from "../../proto/graph.ts";
import type { TaskId } from "../../proto/ids.ts";

export type Fate =
  | { readonly kind: "retry"; readonly attemptsMax: number }
  | { readonly kind: "caught" }
  | { readonly kind: "cancelled" }
  | { readonly kind: "failed" };

type Spent = { user: number; infrastructure: number; nobody: number };

/** Remembers how much of its budgets each failing task has used. */
export class FailureFates {
  lossesMax = 0;
  readonly #spent = new Map<TaskId, Spent>();

  /** `stopping`: nothing is tried again, because the run was cancelled or fails fast. */
  decide(
    { policy, transition }: StepNode,
    task: TaskId,
    { failure, stopping }: { readonly failure: Failure; readonly stopping: boolean },
  ): Fate {
    if (failure.kind === "cancelled") return { kind: "cancelled" };
    const retry = this.#retry(policy, task, failure);
    if (retry !== null) return stopping ? { kind: "cancelled" } : retry;
    this.#spent.delete(task);
    const splits = transition.kind === "foreach" || transition.kind === "switch";
    return policy.catch !== null && !splits && failureRules[failure.kind].catchable ? { kind: "caught" } : { kind: "failed" };
  }

  #retry(policy: StepPolicy, task: TaskId, failure: Failure): Fate | null {
    const rule = failureRules[failure.kind];
    const spent = this.#spent.get(task) ?? { user: 0, infrastructure: 0, nobody: 0 };
    const times = policy.retry?.times ?? 0;
    if (rule.retry === "user" && spent.user < times && (policy.retry?.on?.includes(failure.kind) ?? true)) {
      this.#spent.set(task, { ...spent, user: spent.user + 1 });
      return { kind: "retry", attemptsMax: times + 1 };
    }
    if (rule.retry === "nobody" && spent.nobody < returnsMax) {
      this.#spent.set(task, { ...spent, nobody: spent.nobody + 1 });
      return { kind: "retry", attemptsMax: returnsMax + 1 };
    }
    if ((rule.retry === "infrastructure" || rule.retry === "nobody") && spent.infrastructure < this.lossesMax) {
      this.#spent.set(task, { ...spent, infrastructure: spent.infrastructure + 1 });
      return { kind: "retry", attemptsMax: this.lossesMax + 1 };
    }
    return null;
  }

  forget(task: TaskId): void {
    this.#spent.delete(task);
  }

  clear(): void {
    this.#spent.clear();
  }
}
