// What clients see of jobs: later than it is, and sometimes as it was.

import type { JobDetail } from "@aws-sdk/client-batch";
import type { Job } from "./job.ts";
import type { Timers } from "./timers.ts";
import { detailOf } from "./view.ts";

export type Haze = {
  /** A job shows up so long after its submission. */
  readonly lagMs: number;
  /** Answers tell how things were so long ago. */
  readonly staleMs: number;
};

type Moment = { readonly atMs: number; readonly detail: JobDetail };

export class Glass {
  readonly #haze: Haze;
  readonly #timers: Timers;
  readonly #moments = new Map<Job, Moment[]>();

  constructor(haze: Haze, timers: Timers) {
    this.#haze = haze;
    this.#timers = timers;
  }

  /** To be called at every change. */
  record(job: Job): void {
    if (this.#haze.staleMs === 0) return;
    const moments = this.#moments.get(job) ?? [];
    moments.push({ atMs: Date.now(), detail: structuredClone(detailOf(job)) });
    this.#moments.set(job, moments);
  }

  /** Null while it cannot be seen. */
  see(job: Job): JobDetail | null {
    const now = Date.now();
    if (now < job.createdAtMs + this.#haze.lagMs / this.#timers.scale) return null;
    if (this.#haze.staleMs === 0) return detailOf(job);
    const moments = this.#moments.get(job) ?? [];
    const seen = moments.findLast(({ atMs }) => atMs <= now - this.#haze.staleMs / this.#timers.scale) ?? moments[0];
    return seen?.detail ?? null;
  }
}
