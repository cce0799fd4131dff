// Which worker has a task's inputs in its cache already.

import { unreachable } from "../../proto/unreachable.ts";
import { lastAttempt, type Task } from "./state.ts";

/** Inputs of a join that are asked: enough to find one that ran many of them. */
const askedMax = 16;

/** Its id; null where no worker ran them, or they were taken over from another run. */
export function nearTo({ source }: Task): string | null {
  switch (source.kind) {
    case "start":
      return null;
    case "task":
      return ranOn(source.task);
    case "split": {
      const { arrivals, opener } = source.split;
      return arrivals.length === 0 ? ranOn(opener) : mostOf(arrivals);
    }
    default:
      return unreachable(source);
  }
}

function ranOn(task: Task): string | null {
  return lastAttempt(task)?.worker ?? null;
}

function mostOf(arrivals: readonly (Task | null)[]): string | null {
  const stride = Math.ceil(arrivals.length / askedMax);
  const counts = new Map<string, number>();
  let most: string | null = null;
  for (let at = 0; at < arrivals.length; at += stride) {
    const arrival = arrivals[at] ?? null;
    const worker = arrival === null ? null : ranOn(arrival);
    if (worker === null) continue;
    const count = (counts.get(worker) ?? 0) + 1;
    counts.set(worker, count);
    if (most === null || count > (counts.get(most) ?? 0)) most = worker;
  }
  return most;
}
