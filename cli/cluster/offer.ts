// What a worker of this machine offers, and where it keeps artifacts, by the settings.

import type { WorkerOffer, WorkerStore } from "../../worker/main.ts";
import type { Settings } from "../settings.ts";

const mebibyte = 1024 * 1024;

export function offerOf({ pool, cpu, memoryMiB, gpu }: Settings): WorkerOffer {
  return { pool, cpu, memoryMiB, gpu };
}

export function cacheOf({ cacheDir, cacheMiB }: Settings): WorkerStore {
  return { kind: "cache", root: cacheDir, bytesMax: cacheMiB * mebibyte };
}
