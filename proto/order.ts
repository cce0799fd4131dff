// What a coordinator asks of a worker for one attempt of a task, and what the worker answers.

import type { Artifacts, Element, Elements } from "./artifact.ts";
import type { Failure } from "./failure.ts";
import type { FlowName, RunId, Sha256, StepName, TaskId } from "./ids.ts";

/** One level of foreach around a task, as `this.foreachStack()` shows it. */
export type ForeachFrame = { readonly step: StepName; readonly index: number; readonly count: number; readonly element: Element };

export type TaskInputs =
  /** `start`, and every step after exactly one task: all artifacts that are visible to the step. */
  | { readonly kind: "single"; readonly artifacts: Artifacts }
  /**
   * A join. `base` holds what most inputs share; an input's artifacts are `{ ...base, ...own }` without `missing`.
   * Inputs are in the order of the foreach indexes, or of the arguments of the `next` that split.
   * For the join of an empty foreach `inputs` is empty and `base` holds the artifacts from before the foreach.
   */
  | {
      readonly kind: "join";
      readonly split: "foreach" | "branch";
      readonly base: Artifacts;
      readonly inputs: readonly JoinInput[];
      /** Of the foreach that the join closes, for `inputs[i].input`; null for a branch. */
      readonly elements: Elements | null;
    };

export type JoinInput = {
  /** The task that arrived at the join, and its step: `inputs.NAME` in a branch join is the one whose branch began with step NAME. */
  readonly task: TaskId;
  /** First step of the branch; for a foreach the foreach's target. */
  readonly branch: StepName;
  readonly own: Artifacts;
  readonly missing: readonly string[];
};

export type TaskOrder = {
  readonly run: RunId;
  readonly flow: FlowName;
  readonly task: TaskId;
  readonly step: StepName;
  /** Counted from 0. */
  readonly attempt: number;
  /** Rises with every assignment of the task; whoever reports under an older one is refused. */
  readonly lease: number;
  /** The code package. */
  readonly codePackage: Sha256;
  /** Outermost first. */
  readonly frames: readonly ForeachFrame[];
  readonly inputs: TaskInputs;
  /** With the values of secret ones, which ride inline: nobody keeps an order. */
  readonly parameters: Artifacts;
  /** Names of the parameters marked secret that have a value; masked wherever they would be shown. */
  readonly secrets: readonly string[];
  /** Set where a failure of this attempt will be caught: what the step has set is then kept. */
  readonly keepOnFailure: boolean;
  /** Artifact that a success sets to undefined unless the step has set it: the `var` of `@catchError`. */
  readonly catchVar: string | null;
  readonly timeoutSeconds: number | null;
  readonly isolated: boolean;
  readonly environment: Readonly<Record<string, string>>;
  /** What the attempt may hold: it is ended at more. */
  readonly memoryMiB: number | null;
  readonly context: RunContext;
};

/** What `current` tells about the run. */
export type RunContext = {
  readonly tags: readonly string[];
  readonly namespace: string;
  readonly user: string;
  readonly originRun: RunId | null;
};

/** The transition that an attempt took; the coordinator holds it against the graph. */
export type TakenTransition =
  | { readonly kind: "end" }
  | { readonly kind: "linear"; readonly to: StepName }
  | { readonly kind: "branch"; readonly to: readonly StepName[] }
  | { readonly kind: "foreach"; readonly to: StepName; readonly elements: Elements }
  | { readonly kind: "switch"; readonly value: string; readonly to: StepName };

export type TaskOutcome =
  /** `artifacts` holds what the step set (or a join merged), not what it passed on untouched. */
  | { readonly kind: "succeeded"; readonly taken: TakenTransition; readonly artifacts: Artifacts; readonly usage: Usage }
  /** `artifacts` is empty unless the order said `keepOnFailure`. */
  | { readonly kind: "failed"; readonly failure: Failure; readonly artifacts: Artifacts; readonly usage: Usage };

/** What an attempt used. `cpuMs` and `peakMiB` are of its process, the warm process's life before the attempt not counted. */
export type Usage = { readonly startedAtMs: number; readonly finishedAtMs: number; readonly cpuMs: number; readonly peakMiB: number };
