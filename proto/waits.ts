// Why tasks of a run wait, as a coordinator tells it.

import type { RunId, StepName, TaskId } from "./ids.ts";

export type WaitReason =
  /** A join; `arrived` of `inputs` are there, over all tasks of the group. */
  | { readonly kind: "inputs"; readonly arrived: number; readonly inputs: number }
  /** A failed attempt is tried again then; the first of the group. */
  | { readonly kind: "backoff"; readonly untilMs: number }
  /** No worker is connected that takes tasks of this pool and run. */
  | { readonly kind: "noWorker"; readonly pool: string }
  /** No worker of the pool has all labels; `lacking` are those that none has, as `name=value`: empty where none has all together. */
  | { readonly kind: "noLabels"; readonly pool: string; readonly lacking: readonly string[] }
  /** Workers of its shape were asked for and have not come; `service`: what the service says of those, in its own words. */
  | {
      readonly kind: "launching";
      readonly workers: number;
      readonly stages: { readonly asked: number; readonly waiting: number; readonly starting: number; readonly running: number };
      readonly service: string | null;
    }
  /** No workers are launched for it now. `untilMs` null: nobody knows until when. */
  | { readonly kind: "notLaunched"; readonly why: string; readonly untilMs: number | null }
  /** No worker is large enough, busy or not; `beyond` is empty where each size is there, but on no one worker. */
  | { readonly kind: "tooLarge"; readonly beyond: readonly Beyond[] }
  /** Nothing can be published since then. */
  | { readonly kind: "queue"; readonly sinceMs: number; readonly problem: string }
  /** `workers` could take it and have no room now. */
  | { readonly kind: "busy"; readonly workers: number }
  | { readonly kind: "stepLimit"; readonly max: number }
  | { readonly kind: "flowLimit"; readonly max: number }
  /** `--max-workers`. */
  | { readonly kind: "runLimit"; readonly max: number }
  /** There is room: it is about to start, or others are before it. */
  | { readonly kind: "turn" }
  /** The run stops: nothing new starts. */
  | { readonly kind: "stopping"; readonly by: string }
  /** No process drives the run. */
  | { readonly kind: "interrupted" };

/** The largest that a worker has; memory in MiB. */
export type Beyond = { readonly resource: "cpu" | "memory" | "gpu"; readonly asks: number; readonly largest: number };

/** Tasks of a step that wait for the same reason. */
export type WaitGroup = {
  readonly step: StepName;
  readonly reason: WaitReason;
  readonly tasks: number;
  /** Some of them. */
  readonly examples: readonly TaskId[];
};

export type WaitsView = { readonly run: RunId; readonly atMs: number; readonly waiting: readonly WaitGroup[] };

/** Named tasks of one group. */
export const waitExamplesMax = 3;
