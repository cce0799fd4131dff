// The tie between a flow object and the attempt it runs in. Whoever executes a step ties its flow object to an
// implementation of `RunningTask`; FlowSpec's methods only ask it.

import type { Transition } from "./transition.ts";

/** One level of foreach as a step sees it. */
export type ForeachLevel = { readonly step: string; readonly index: number; readonly count: number; readonly input: unknown };

export type MergeOptions<Name = string> = {
  /** Only these; not together with `exclude`. */
  readonly include?: readonly Name[];
  /** All but these. */
  readonly exclude?: readonly Name[];
};

export interface RunningTask {
  next(args: readonly unknown[]): Transition;
  mergeArtifacts(inputs: readonly unknown[], options: MergeOptions<PropertyKey>): void;
  foreachStack(): readonly ForeachLevel[];
  input(): unknown;
  index(): number;
  name(): string;
}

const tasks = new WeakMap<object, RunningTask>();

export function tie(flow: object, task: RunningTask): void {
  tasks.set(flow, task);
}

/** @throws Error outside a running step */
export function taskOf(flow: unknown, member: string): RunningTask {
  const task = typeof flow === "object" && flow !== null ? tasks.get(flow) : undefined;
  if (task === undefined)
    throw new Error(`this.${member} has a meaning only while a step runs: run the flow instead of calling its methods`);
  return task;
}
