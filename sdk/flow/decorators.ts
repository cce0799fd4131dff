// The decorators of steps. They only record; they never replace a method, so their order does not matter and the
// method's own text stays readable. Options are checked by `definitionOf`, which can say where they stand.

import type { FailureKind } from "../../proto/failure.ts";
import type { FlowSpec } from "./flow-spec.ts";
import { recordDecorator, recordFlowDecorator, recordStep } from "./record.ts";
import type { EndReturn, StepReturn } from "./transition.ts";

/** A sentence that the compiler prints where a check fails. */
type FlowError<Message extends string> = { readonly flowError: Message };

// The compiler's own type of a method decorator's context demands `any` for the arguments.
// oxlint-disable-next-line typescript/no-explicit-any -- see above
type AnyStep<F> = (this: F, ...args: any) => unknown;

/** What the compiler knows about the method that is decorated. */
type StepContext<F extends FlowSpec, M extends AnyStep<F>, N extends string> = ClassMethodDecoratorContext<F, M> & {
  readonly name: N;
  readonly static: false;
  readonly private: false;
};

/** Every path of a step ends in a transition, and no path of `end` does. */
type Returns<N extends string, M> = M extends (...args: never) => infer R
  ? N extends "end"
    ? [R] extends [EndReturn]
      ? unknown
      : FlowError<"end is the last step: it returns nothing">
    : [R] extends [StepReturn]
      ? unknown
      : FlowError<`every path through step '${N}' must end with: return this.next(...)`>
  : never;

/** The artifact that receives the error must exist and be able to hold one. */
type HoldsError<F, V extends string> = V extends keyof F
  ? Error extends F[V]
    ? undefined extends F[V]
      ? unknown
      : FlowError<`artifact '${V}' is undefined where nothing failed; write: declare ${V}?: Error`>
    : FlowError<`artifact '${V}' cannot hold an Error; write: declare ${V}?: Error`>
  : FlowError<`there is no artifact '${V}'; add: declare ${V}?: Error`>;

type StepDecorator = <F extends FlowSpec, M extends AnyStep<F>, N extends string>(method: M, context: StepContext<F, M, N>) => void;

/** Where a step may stand, and only then how it must end. */
type Placed<F, C extends Place, M> = C["static"] extends true
  ? FlowError<"a step is a method of the flow's objects: remove static">
  : C["private"] extends true
    ? FlowError<`a step is public: rename '${C["name"]}' to a name without #`>
    : F extends FlowSpec
      ? Returns<C["name"], M>
      : FlowError<"steps belong to a flow: let the class extend FlowSpec">;

type Place = { readonly name: string; readonly static: boolean; readonly private: boolean };

/** Makes a method a step of the flow. */
export function step<F, M extends AnyStep<F>, const C extends Place>(
  method: M,
  context: ClassMethodDecoratorContext<F, M> & C & Placed<F, C, M>,
): void {
  recordStep(context, method);
}

export type RetryOptions = {
  /** Further attempts after the first. Default 3. */
  readonly times?: number;
  /** Wait before the first further attempt. Default 0. */
  readonly minutesBetween?: number;
  /** The wait grows by this factor from retry to retry. Default 2. */
  readonly backoff?: number;
  /** Longest wait. Default 60. */
  readonly maxMinutes?: number;
  /** Retry these kinds of failure only. Default: all that can be retried. */
  readonly on?: readonly FailureKind[];
};

/** Runs the step again when it fails. The wait in between holds no slot. */
export function retry(options: RetryOptions = {}): StepDecorator {
  return recording("retry", options);
}

export type CatchOptions<V extends string> = {
  /** Artifact that receives the error; undefined where nothing failed. */
  readonly var?: V;
  /** Print the error to the step's log. Default true. */
  readonly print?: boolean;
};

/** Lets the run go on when the step has failed for good: what the step had set until then is kept. */
export function catchError<const V extends string = never>(options: CatchOptions<V> = {}) {
  return <F extends FlowSpec, M extends AnyStep<F>, N extends string>(
    _method: M,
    context: StepContext<F, M, N> & ([V] extends [never] ? unknown : HoldsError<F, V>),
  ): void => recordDecorator(context, { name: "catchError", options });
}

export type TimeoutOptions = { readonly seconds?: number; readonly minutes?: number; readonly hours?: number };

/** Ends an attempt that takes longer than these together. */
export function timeout(options: TimeoutOptions): StepDecorator {
  return recording("timeout", options);
}

type Sizes = {
  /** Cores; fractions are allowed. */
  readonly cpu?: number;
  /** MiB. */
  readonly memory?: number;
  readonly gpu?: number;
};

export type ResourcesOptions = Sizes & {
  /** MiB: after an attempt that ran out of memory, @retry asks for twice as much, up to this. */
  readonly memoryMax?: number;
  /** The worker must have all of these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Workers of this pool only. Default: `default`. */
  readonly pool?: string;
};

/** What a task of the step needs of its worker beside a slot. */
export function resources(options: ResourcesOptions): StepDecorator {
  return recording("resources", options);
}

export type BatchOptions = Sizes & {
  /** Name or ARN of the job queue. Default: the coordinator's, as for image and roles. */
  readonly queue?: string;
  /** Container image; it needs no more than Node. */
  readonly image?: string;
  /** Name or ARN of the role that the step's code has. */
  readonly jobRole?: string;
  /** Name or ARN of the role by which the image is fetched. */
  readonly executionRole?: string;
  /** Default: Fargate where it has what is asked for. */
  readonly platform?: "fargate" | "ec2";
  /** Tasks that a worker is made large enough for. Default 1. */
  readonly slots?: number;
  /** MiB of `/dev/shm`; EC2 only. */
  readonly sharedMemory?: number;
  /** MiB of folders that are kept in memory, by their paths; EC2 only. */
  readonly tmpfs?: Readonly<Record<string, number>>;
  /** MiB; EC2 only. */
  readonly maxSwap?: number;
  /** From 0 to 100; EC2 only. */
  readonly swappiness?: number;
  /** GiB; Fargate only. */
  readonly ephemeralStorage?: number;
  /** Environment variables of the container. */
  readonly env?: Readonly<Record<string, string>>;
  /** Tags of the job in AWS. */
  readonly tags?: Readonly<Record<string, string>>;
};

/** Runs the step in AWS Batch where a pool for it exists, and on this machine otherwise. */
export function batch(options: BatchOptions = {}): StepDecorator {
  return recording("batch", options);
}

export type ConcurrencyOptions = {
  /** Tasks that may run at the same time. */
  readonly max: number;
};

type ConcurrencyDecorator = {
  <F extends FlowSpec, M extends AnyStep<F>, N extends string>(method: M, context: StepContext<F, M, N>): void;
  <C extends abstract new () => FlowSpec>(flow: C, context: ClassDecoratorContext<C>): void;
};

/** Lets at most so many tasks of the step, or of the whole flow, run at the same time: over all runs of the flow at one coordinator. */
export function concurrency(options: ConcurrencyOptions): ConcurrencyDecorator {
  return (_decorated: unknown, context: DecoratorContext): void => {
    const decorator = { name: "concurrency", options };
    if (context.kind === "class") recordFlowDecorator(context.metadata, decorator);
    else recordDecorator({ name: context.name ?? "", metadata: context.metadata }, decorator);
  };
}

export type EnvironmentOptions = { readonly vars: Readonly<Record<string, string>> };

/** Sets environment variables for the step. */
export function environment(options: EnvironmentOptions): StepDecorator {
  return recording("environment", options);
}

/** Gives every task of the step a process of its own that no other task has used. */
export function isolated<F extends FlowSpec, M extends AnyStep<F>, N extends string>(_method: M, context: StepContext<F, M, N>): void {
  recordDecorator(context, { name: "isolated", options: {} });
}

function recording(name: string, options: Readonly<Record<string, unknown>>): StepDecorator {
  return (_method, context) => recordDecorator(context, { name, options });
}
