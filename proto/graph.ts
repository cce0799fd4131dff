// The step graph of a flow: extracted and checked once when the flow is bundled, stored in the run's first event.
// The coordinator knows a flow only by this.

import type { FlowName, StepName } from "./ids.ts";
import type { FailureKind } from "./failure.ts";
import { unreachable } from "./unreachable.ts";

/** Where a step goes when it ends. */
export type Transition =
  | { readonly kind: "end" }
  | { readonly kind: "linear"; readonly to: StepName }
  /** All of `to` run; a join with `joins` = this step closes them. The order is the order of the `next` arguments. */
  | { readonly kind: "branch"; readonly to: readonly StepName[] }
  /** `to` runs once for each element of the array artifact. */
  | { readonly kind: "foreach"; readonly to: StepName; readonly artifact: string }
  /** The case that equals `String(condition artifact)` runs; the others don't. */
  | { readonly kind: "switch"; readonly condition: string; readonly cases: Readonly<Record<string, StepName>> };

export type StepNode = {
  readonly name: StepName;
  readonly doc: string;
  /** Line of the method in the flow's own source file, counted from 1. */
  readonly line: number;
  /** Source file of the method, relative to the folder of the flow file (inherited steps live in others). */
  readonly file: string;
  readonly transition: Transition;
  /** The foreach or branch step whose tasks this join collects; null where the step is no join. */
  readonly joins: StepName | null;
  /** Splits (foreach and branch steps) that are open around this step, outermost first. */
  readonly within: readonly StepName[];
  readonly policy: StepPolicy;
};

/** What the decorators of a step recorded. Times are in the unit that the field's name ends in. */
export type StepPolicy = {
  readonly retry: RetryPolicy | null;
  readonly catch: { readonly var: string | null; readonly print: boolean } | null;
  readonly timeoutSeconds: number | null;
  readonly resources: StepResources;
  /** Tasks of the step that may run at the same time, over all runs of the flow; absent where any number may. */
  readonly concurrencyMax?: number;
  readonly batch: BatchPlacement | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly isolated: boolean;
};

export type RetryPolicy = {
  /** Further attempts after the first. */
  readonly times: number;
  readonly minutesBetween: number;
  /** The wait is multiplied by this after each retry; 1 keeps it constant. */
  readonly backoff: number;
  /** Upper bound of one wait. */
  readonly maxMinutes: number;
  /** Kinds of failure that are retried; null means all that are retryable. */
  readonly on: readonly FailureKind[] | null;
};

export type Resources = { readonly cpu: number; readonly memoryMiB: number; readonly gpu: number };

/** What a task of the step needs of its worker beside a slot; null where the author asked for nothing. */
export type StepResources = {
  readonly cpu: number | null;
  readonly memoryMiB: number | null;
  /** How far an attempt may ask for more memory than the one before it ran out of; absent where each asks for the same. */
  readonly memoryMaxMiB?: number;
  readonly gpu: number;
  /** The worker must have all of them; absent where none is asked for. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Absent where any worker of the default pool will do. */
  readonly pool?: string;
};

/** The pool of workers and of steps that name none. */
export const defaultPool = "default";

/** What `@batch` asks for; `options` as the author wrote them. */
export type BatchPlacement = Resources & {
  readonly queue: string | null;
  readonly image: string | null;
  readonly options: BatchOptions;
};

/** What carries the containers of a queue. */
export type BatchPlatform = "fargate" | "ec2";

/** Of the container; each is absent where the author gives none. */
export type BatchOptions = {
  /** Role of the step's own code, name or ARN. */
  readonly jobRole?: string;
  /** Role by which the image is fetched and logs are written, name or ARN. */
  readonly executionRole?: string;
  readonly platform?: BatchPlatform;
  /** Tasks that a worker is made large enough for. */
  readonly slots?: number;
  /** MiB of `/dev/shm`; EC2 only, as are the next three. */
  readonly sharedMemory?: number;
  /** MiB of each folder that is kept in memory. */
  readonly tmpfs?: Readonly<Record<string, number>>;
  /** MiB. */
  readonly maxSwap?: number;
  readonly swappiness?: number;
  /** GiB; Fargate only. */
  readonly ephemeralStorage?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
};

export type ParameterKind = "string" | "number" | "integer" | "boolean" | "json" | "file";

export type ParameterSpec = {
  readonly name: string;
  readonly kind: ParameterKind;
  readonly help: string;
  readonly required: boolean;
  readonly secret: boolean;
  /** JSON text of the default; null where there is none, it is secret, or it is computed when the run is submitted. */
  readonly defaultJson: string | null;
  readonly choices: readonly (string | number)[] | null;
};

export type FlowGraph = {
  readonly flow: FlowName;
  /** Base name of the flow's file. */
  readonly file: string;
  readonly doc: string;
  /** Tasks of the flow that may run at the same time, over all of its runs; absent where any number may. */
  readonly concurrencyMax?: number;
  /** In the order of the source, `start` and `end` included. */
  readonly steps: readonly StepNode[];
  readonly parameters: readonly ParameterSpec[];
};

export function stepNode(graph: FlowGraph, name: StepName): StepNode {
  const node = graph.steps.find((step) => step.name === name);
  if (node === undefined) throw new Error(`flow ${graph.flow} has no step ${name}`);
  return node;
}

/** The steps that a transition may lead to, each once, in order. */
export function targetsOf(transition: Transition): readonly StepName[] {
  switch (transition.kind) {
    case "end":
      return [];
    case "linear":
    case "foreach":
      return [transition.to];
    case "branch":
      return transition.to;
    case "switch":
      return [...new Set(Object.values(transition.cases))];
    default:
      return unreachable(transition);
  }
}

export const defaultPolicy: StepPolicy = {
  retry: null,
  catch: null,
  timeoutSeconds: null,
  resources: { cpu: null, memoryMiB: null, gpu: 0 },
  batch: null,
  environment: {},
  isolated: false,
};
