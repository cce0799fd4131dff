// Which blobs a run needs: for whoever may read the run, and to keep them from being collected.
//
// B1. What a run needs only grows, until its artifacts are collected: of a state that goes on, what has been looked at is not
//     looked at again.

import { blobsOfElements, type Artifacts } from "../../proto/artifact.ts";
import type { Sha256 } from "../../proto/ids.ts";
import type { TakenTransition } from "../../proto/order.ts";
import { addAll, addArtifacts } from "./order-blobs.ts";
import type { RunState, Task } from "./state.ts";

/** None of a run whose artifacts were collected; else everything that the run's events name and a reader, a task or a resumed run may want. */
export function blobsOfRun(state: RunState): ReadonlySet<Sha256> {
  return new RunBlobs(state).now();
}

/** Of one state, which may go on. */
export class RunBlobs {
  readonly #state: RunState;
  readonly #blobs: Set<Sha256>;
  /** What it takes over is complete, and seen. */
  #begun = false;
  /** Tasks that were there, and had not succeeded, when it was last asked. */
  #open: readonly Task[] = [];
  #seen = 0;

  constructor(state: RunState) {
    this.#state = state;
    this.#blobs = new Set([state.submitted.codePackage]);
    addArtifacts(state.submitted.parameters, this.#blobs);
  }

  now(): ReadonlySet<Sha256> {
    const { order, collectedAtMs, reusable, startedAtMs } = this.#state;
    if (collectedAtMs !== null) return new Set();
    if (!this.#begun) for (const { artifacts, taken } of reusable.values()) this.#add(artifacts, taken);
    this.#begun = startedAtMs !== null;
    const open = [...this.#open, ...order.slice(this.#seen)];
    this.#seen = order.length;
    this.#open = open.filter((task) => !this.#took(task)); // B1
    return this.#blobs;
  }

  #took({ state }: Task): boolean {
    if (state.kind !== "succeeded") return false;
    this.#add(state.produced, state.taken);
    return true;
  }

  #add(artifacts: Artifacts, taken: TakenTransition): void {
    addArtifacts(artifacts, this.#blobs);
    if (taken.kind === "foreach") addAll(blobsOfElements(taken.elements), this.#blobs);
  }
}
