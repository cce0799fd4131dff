// What an attempt uses of its process.

import type { Usage } from "../../proto/order.ts";

/** Asking for the resident memory costs as much as a small step, so a look this young is good enough. */
const lookMs = 20;

let look = { atMs: Number.NEGATIVE_INFINITY, bytes: 0 };

/** Measures from its construction on. */
export class Meter {
  readonly #now: () => number;
  readonly #startedAtMs: number;
  readonly #cpu = process.cpuUsage();
  readonly #peakKiB = process.resourceUsage().maxRSS;

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAtMs = now();
  }

  read(): Usage {
    const { user, system } = process.cpuUsage(this.#cpu);
    const peakKiB = process.resourceUsage().maxRSS;
    // The process's peak is the attempt's only where the attempt has raised it.
    const peakBytes = peakKiB > this.#peakKiB ? peakKiB * 1024 : residentBytes();
    return {
      startedAtMs: this.#startedAtMs,
      finishedAtMs: this.#now(),
      cpuMs: (user + system) / 1000,
      peakMiB: Math.ceil(peakBytes / (1024 * 1024)),
    };
  }
}

function residentBytes(): number {
  const atMs = performance.now();
  if (atMs - look.atMs > lookMs) look = { atMs, bytes: process.memoryUsage.rss() };
  return look.bytes;
}
