// What a worker tells of itself on its page of metrics. A worker that follows another in the same process begins at 0.

import type { Registry } from "../../sdk/metrics/registry.ts";

export type WorkerFigures = {
  readonly connected: boolean;
  readonly slots: number;
  readonly running: number;
  /** Outcomes that the coordinator has not accepted yet. */
  readonly unaccepted: number;
  /** Attempts that have ended. */
  readonly attempts: Readonly<Record<"succeeded" | "failed" | "revoked", number>>;
  readonly processes: number;
  /** Null where task processes have the coordinator's own folder. */
  readonly blobs: BlobFigures | null;
};

export type BlobFigures = {
  readonly cachedBytes: number;
  readonly hits: number;
  readonly fetched: number;
  readonly fetchedBytes: number;
  readonly uploaded: number;
  readonly uploadedBytes: number;
  readonly uploadsFailed: number;
};

export function countWorker(registry: Registry, read: () => WorkerFigures): void {
  const connected = registry.gauge({ name: "stepwell_agent_connected", help: "1 while the coordinator has this worker, else 0." });
  const slots = registry.gauge({
    name: "stepwell_agent_slots",
    help: "Slots of this worker: all, and those that are taken.",
    labels: ["state"],
  });
  const unaccepted = registry.gauge({
    name: "stepwell_agent_unaccepted_outcomes",
    help: "Outcomes that the coordinator has not accepted yet.",
  });
  const processes = registry.gauge({ name: "stepwell_agent_task_processes", help: "Task processes that are there, spares included." });
  const attempts = registry.readCounter({
    name: "stepwell_agent_attempts_total",
    help: "Attempts that have ended here.",
    labels: ["outcome"],
  });
  const countBlobs = blobCounters(registry);
  registry.onRead(() => {
    const figures = read();
    connected.set(figures.connected ? 1 : 0);
    slots.set(figures.slots, { state: "total" });
    slots.set(figures.running, { state: "busy" });
    unaccepted.set(figures.unaccepted);
    processes.set(figures.processes);
    for (const [outcome, count] of Object.entries(figures.attempts)) attempts.set(count, { outcome });
    if (figures.blobs !== null) countBlobs(figures.blobs);
  });
}

function blobCounters(registry: Registry): (figures: BlobFigures) => void {
  const bytes = registry.gauge({ name: "stepwell_agent_cache_bytes", help: "What the cache of artifacts takes on the disk." });
  const hits = registry.readCounter({ name: "stepwell_agent_cache_hits_total", help: "Blobs that were wanted and lay in the cache." });
  const fetched = registry.readCounter({ name: "stepwell_agent_cache_misses_total", help: "Blobs that were fetched from the store." });
  const fetchedBytes = registry.readCounter({ name: "stepwell_agent_fetched_bytes_total", help: "Bytes of these." });
  const uploaded = registry.readCounter({
    name: "stepwell_agent_uploads_total",
    help: "Blobs that were brought to the store.",
    labels: ["result"],
  });
  const uploadedBytes = registry.readCounter({ name: "stepwell_agent_uploaded_bytes_total", help: "Bytes of those that have arrived." });
  return (figures) => {
    bytes.set(figures.cachedBytes);
    hits.set(figures.hits);
    fetched.set(figures.fetched);
    fetchedBytes.set(figures.fetchedBytes);
    uploaded.set(figures.uploaded, { result: "ok" });
    uploaded.set(figures.uploadsFailed, { result: "failed" });
    uploadedBytes.set(figures.uploadedBytes);
  };
}
