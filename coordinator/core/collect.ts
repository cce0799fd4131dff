// Which runs give up their artifacts, and the decision about one of them.

import type { Retention } from "../../proto/collect.ts";
import type { FlowName } from "../../proto/ids.ts";
import type { RunSummary } from "../../proto/view.ts";
import { accepted, refused, type Decision } from "./decision.ts";
import type { RunState } from "./state.ts";

const dayMs = 24 * 60 * 60 * 1000;

/** Asked about every run, newest first. */
export class Keeping {
  readonly #retention: Retention;
  readonly #nowMs: number;
  /** Runs of the namespace. */
  readonly #seen = new Map<FlowName, number>();

  constructor(retention: Retention, nowMs: number) {
    this.#retention = retention;
    this.#nowMs = nowMs;
  }

  keeps(run: RunSummary): boolean {
    const { keepDays, keepLast, keepTags, namespace } = this.#retention;
    if (namespace !== null && !tagsOf(run).includes(namespace)) return true;
    const newer = this.#seen.get(run.flow) ?? 0;
    this.#seen.set(run.flow, newer + 1);
    if (run.finishedAtMs === null) return true;
    if (keepDays === null && keepLast === null && keepTags.length === 0) return true;
    if (keepDays !== null && this.#nowMs - run.finishedAtMs < keepDays * dayMs) return true;
    if (keepLast !== null && newer < keepLast) return true;
    return keepTags.some((tag) => tagsOf(run).includes(tag));
  }
}

function tagsOf({ tags, systemTags, namespace }: RunSummary): readonly string[] {
  return [...tags, ...systemTags, namespace];
}

/** Doing it twice changes nothing. */
export function decideCollect(state: RunState, { by, atMs }: { readonly by: string; readonly atMs: number }): Decision {
  if (state.finishedAtMs === null) return refused("conflict", `${state.submitted.run} has not ended`);
  if (state.collectedAtMs !== null) return accepted();
  return accepted({ kind: "artifactsCollected", atMs, by });
}

/** Why nothing can go on from the run; null where something can. */
export function collectedObjection({ submitted, collectedAtMs }: RunState): string | null {
  if (collectedAtMs === null) return null;
  return `the artifacts of ${submitted.run} were collected as garbage: run its flow anew`;
}
