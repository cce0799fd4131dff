// What a job waits for: other jobs, the same child of another array, or the child before it.

import type { Job } from "./job.ts";

export function dependenciesOf(job: Job, jobs: ReadonlyMap<string, Job>): { readonly isFailed: boolean; readonly isMet: boolean } {
  const others = job.spec.dependsOn.map(({ jobId = "", type }) => {
    if (type === "SEQUENTIAL") return before(job);
    const other = jobs.get(jobId);
    return type === "N_TO_N" && job.array?.kind === "child" ? jobs.get(`${jobId}:${job.array.index}`) : other;
  });
  const statuses = others.filter((other) => other !== null).map((other) => other?.status);
  return {
    isFailed: statuses.includes("FAILED"),
    isMet: statuses.every((status) => status === "SUCCEEDED"),
  };
}

/** Null for the first, which waits for nobody. */
function before({ array }: Job): Job | null | undefined {
  if (array?.kind !== "child" || array.index === 0) return null;
  return array.parent.array?.kind === "parent" ? array.parent.array.children[array.index - 1] : undefined;
}
