// What is told once where steps ask for more than the machine has on which they run all the same, for lack of a cluster, or
// of AWS Batch.

import { defaultPool, type FlowGraph, type StepNode } from "../../proto/graph.ts";

export type Machine = {
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly gpu: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly pool: string;
};

/** In a cluster, where only Batch may be lacking. */
export function clusterNotes(graph: FlowGraph): readonly string[] {
  const batch = batchSteps(graph);
  if (batch.length === 0) return [];
  const [have, run] = batch.length === 1 ? ["has", "it runs"] : ["have", "they run"];
  return [`note: ${batch.join(", ")} ${have} @batch; if the coordinator launches no workers, ${run} on the cluster's own`];
}

export function machineNotes(graph: FlowGraph, machine: Machine): readonly string[] {
  const batch = batchSteps(graph);
  const lacking = graph.steps.flatMap((step) => {
    const lacks = step.policy.batch === null ? lackedBy(step, machine) : [];
    return lacks.length === 0 ? [] : [`${step.name} (${lacks.join(", ")})`];
  });
  return [
    ...(batch.length === 0 ? [] : [`note: ${batch.join(", ")} ${batch.length === 1 ? "has" : "have"} @batch; ${stays(batch)}`]),
    ...(lacking.length === 0
      ? []
      : [`note: ${lacking.join(", ")} ${lacking.length === 1 ? "asks" : "ask"} for what this machine lacks; ${stays(lacking)}`]),
  ];
}

function batchSteps(graph: FlowGraph): readonly string[] {
  return graph.steps.filter(({ policy }) => policy.batch !== null).map(({ name }) => name);
}

function stays(steps: readonly string[]): string {
  return `without a cluster ${steps.length === 1 ? "it runs" : "they run"} on this machine`;
}

function lackedBy({ policy: { resources } }: StepNode, machine: Machine): readonly string[] {
  const { cpu, memoryMiB, gpu, labels = {}, pool = defaultPool } = resources;
  return [
    ...((cpu ?? 0) > machine.cpu ? [`${cpu} cores`] : []),
    ...((memoryMiB ?? 0) > machine.memoryMiB ? [`${memoryMiB} MiB`] : []),
    ...(gpu > machine.gpu ? [gpu === 1 ? "1 GPU" : `${gpu} GPUs`] : []),
    ...Object.entries(labels).flatMap(([name, value]) => (machine.labels[name] === value ? [] : [`label ${name}=${value}`])),
    ...(pool === machine.pool ? [] : [`pool ${pool}`]),
  ];
}
