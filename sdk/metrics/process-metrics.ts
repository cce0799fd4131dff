// What every process that serves tells of itself: memory, processor time, and how long its event loop lets others wait.

import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Registry } from "./registry.ts";

const lagResolutionMs = 10;
const quantiles = [0.5, 0.99, 1] as const;

/** Returns the function that ends it. */
export function watchProcess(registry: Registry, version: string): () => void {
  const build = registry.gauge({ name: "stepwell_build_info", help: "1, with the version as a label.", labels: ["version", "node"] });
  const resident = registry.gauge({ name: "process_resident_memory_bytes", help: "Memory that the process has in use." });
  const heap = registry.gauge({ name: "nodejs_heap_size_used_bytes", help: "Of that, what JavaScript's objects take." });
  const cpu = registry.readCounter({
    name: "process_cpu_seconds_total",
    help: "Processor time that the process has used, in user and in system mode.",
  });
  const started = registry.gauge({ name: "process_start_time_seconds", help: "When the process started, in seconds since 1970." });
  const lag = registry.gauge({
    name: "stepwell_eventloop_lag_seconds",
    help: "How much later than wanted timers ran since the last reading.",
    labels: ["quantile"],
  });
  const delays = monitorEventLoopDelay({ resolution: lagResolutionMs });
  delays.enable();
  const startedAt = (Date.now() - performance.now()) / 1000;
  registry.onRead(() => {
    build.set(1, { version, node: process.versions.node });
    const { rss, heapUsed } = process.memoryUsage();
    resident.set(rss);
    heap.set(heapUsed);
    const { user, system } = process.cpuUsage();
    cpu.set((user + system) / 1e6);
    started.set(startedAt);
    for (const quantile of quantiles) lag.set(lagSeconds(delays.percentile(quantile * 100)), { quantile: String(quantile) });
    delays.reset();
  });
  return () => delays.disable();
}

/** The histogram holds intervals between ticks, of which the resolution itself is no lag. */
function lagSeconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - lagResolutionMs / 1000);
}
