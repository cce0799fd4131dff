// Jobs that wait for a machine, and why the first of a queue gets none.
//
// L1. Who comes first: the queue's priority, then the job's, then what ran already, then the older.
// L2. Only the first of a queue is told why it waits, and only if no waiting helps.

import { byPriority, type Blocked, type Capacity, type Host } from "./capacity.ts";
import type { Job } from "./job.ts";
import type { Queue } from "./queues.ts";
import type { Timer, Timers } from "./timers.ts";

export type LineOptions = {
  readonly timers: Timers;
  readonly capacity: Capacity;
  /** How long Batch takes to say why the first job of a queue is stuck. */
  readonly stuckMs: number;
  readonly onPlaced: (job: Job, host: Host) => void;
  readonly onStuck: (job: Job, statusReason: string) => void;
  readonly onLimit: (job: Job, statusReason: string) => void;
};

type Head = { readonly job: Job; readonly reason: string; readonly timers: readonly Timer[] };

export class Line {
  readonly #options: LineOptions;
  readonly #waiting = new Set<Job>();
  readonly #heads = new Map<Queue, Head>();
  #order: Job[] | null = null;
  #isAsked = false;
  #isClosed = false;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  add(job: Job): void {
    this.#waiting.add(job);
    this.#order = null;
    this.ask();
  }

  remove(job: Job): void {
    if (!this.#waiting.delete(job)) return;
    this.#order = null;
    this.ask();
  }

  /** Looks whether somebody can go, soon. */
  ask(): void {
    if (this.#isAsked || this.#isClosed) return;
    this.#isAsked = true;
    setImmediate(() => {
      this.#isAsked = false;
      if (!this.#isClosed) this.#move();
    });
  }

  /** The queue has other limits now, which count from now. */
  renew(queue: Queue): void {
    for (const timer of this.#heads.get(queue)?.timers ?? []) timer.cancel();
    this.#heads.delete(queue);
    this.ask();
  }

  close(): void {
    this.#isClosed = true;
  }

  #move(): void {
    this.#order ??= [...this.#waiting].sort(before);
    const blocked = new Map<string, Blocked>();
    const heads = new Map<Queue, { readonly job: Job; readonly blocked: Blocked }>();
    for (const job of this.#order) {
      const { queue, needs } = job.spec;
      const shape = `${queue.detail.jobQueueName} ${needs.vcpus} ${needs.memoryMiB} ${needs.gpus}`;
      const found = blocked.get(shape) ?? this.#options.capacity.place(job);
      if ("machine" in found) {
        this.#waiting.delete(job);
        this.#options.onPlaced(job, found);
        continue;
      }
      blocked.set(shape, found);
      if (!heads.has(queue)) heads.set(queue, { job, blocked: found });
    }
    this.#order = this.#order.filter((job) => this.#waiting.has(job));
    this.#watch(heads);
  }

  #watch(heads: ReadonlyMap<Queue, { readonly job: Job; readonly blocked: Blocked }>): void {
    for (const [queue, head] of this.#heads) {
      const now = heads.get(queue);
      if (now?.job === head.job && now.blocked.kind === "stuck" && now.blocked.reason === head.reason) continue;
      for (const timer of head.timers) timer.cancel();
      this.#heads.delete(queue);
    }
    for (const [queue, { job, blocked }] of heads) {
      if (blocked.kind === "full" || this.#heads.has(queue)) continue;
      const { timers, stuckMs, onStuck, onLimit } = this.#options;
      const { reason, text } = blocked;
      const limits = (queue.detail.jobStateTimeLimitActions ?? []).filter((action) => action.reason === reason);
      this.#heads.set(queue, {
        job,
        reason,
        timers: [
          timers.after(stuckMs, () => onStuck(job, `${reason} - ${text}`)),
          ...limits.map(({ maxTimeSeconds = 0 }) =>
            timers.after(maxTimeSeconds * 1000, () => onLimit(job, `Canceled by JobStateTimeLimit action due to reason: ${reason}`)),
          ),
        ],
      });
    }
  }
}

function before(a: Job, b: Job): number {
  return (
    byPriority(a.spec.queue, b.spec.queue) ||
    b.spec.schedulingPriority - a.spec.schedulingPriority ||
    Math.min(b.attemptsBegun, 1) - Math.min(a.attemptsBegun, 1) ||
    a.sequence - b.sequence
  );
}
