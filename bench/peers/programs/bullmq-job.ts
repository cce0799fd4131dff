// What a BullMQ job does, in the worker's process or in one of its sandboxed ones.

/** The parts of a job that both kinds of process give it. */
type Given = { readonly data: JobData; getChildrenValues(): Promise<Record<string, number>> };

export type JobData = { readonly kind: "value"; readonly value: number } | { readonly kind: "sum" | "next" };

// oxlint-disable-next-line import/no-default-export -- a sandboxed process of BullMQ takes the default export
export default async function work(job: Given): Promise<number> {
  if (job.data.kind === "value") return job.data.value;
  const values = Object.values(await job.getChildrenValues());
  const sum = values.reduce((total, value) => total + value, 0);
  return job.data.kind === "sum" ? sum : sum + 1;
}
