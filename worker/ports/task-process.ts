// The port to the processes that step code runs in. A process takes one order at a time.

import type { Sha256 } from "../../proto/ids.ts";
import type { Failure } from "../../proto/failure.ts";
import type { Death } from "../core/death.ts";
import type { MemoryExcess } from "../core/memory.ts";

export type OutputStream = "stdout" | "stderr";

/** What a task process says at the end of an attempt. */
export type Report = {
  readonly succeeded: boolean;
  /** JSON of a TaskOutcome, as the process wrote it. */
  readonly outcome: Uint8Array;
  /** Why the process must not be used again; null where it is as it was before the attempt. */
  readonly spoiled: string | null;
  /** The step may have started processes of its own. */
  readonly mayHaveChildren: boolean;
};

/** What a task process asks of its worker about blobs, where the worker keeps a cache of them. Errors are ArtifactStoreErrors. */
export interface BlobHandler {
  /** Resolves when the blob lies in the cache. */
  fetch(sha256: Sha256): Promise<void>;
  /** It has been found there. */
  used(sha256: Sha256): void;
  /** It has been written there. Rejects as missing where it is to be written again. */
  wrote(sha256: Sha256, size: number): Promise<void>;
  /** These will soon be asked for. */
  readAhead(blobs: readonly Sha256[]): void;
  /** The disk is full. Whether it is worth another try. */
  makeRoom(): Promise<boolean>;
}

/** Calls come in the order in which things happened; `onEnd` is the last, once, and comes after all output. */
export type TaskProcessEvents = {
  /** It has loaded itself. An order may be sent before. */
  onReady(): void;
  /** The step's code has returned. Only for orders with a time-out. */
  onCodeReturned(): void;
  /** Texts to hide in the attempt's output. Only for orders with secret parameters, and before the step has begun. */
  onSecrets(secrets: readonly string[]): void;
  /** A line that tells how far the step is. */
  onProgress(line: string): void;
  /** Who answers for the blobs of what runs now; null while nothing does. */
  blobs(): BlobHandler | null;
  /** All output of the attempt has been handed to `onOutput` before. */
  onReport(report: Report): void;
  /** `bytes` is valid during the call only. */
  onOutput(stream: OutputStream, bytes: Uint8Array): void;
  onEnd(death: Death): void;
};

export interface TaskProcess {
  /** Of the operating system; null where it could not be started. */
  readonly pid: number | null;
  /** `order` is the JSON of a TaskOrder, for a step of `codePackage`. It and what it starts may hold `memoryMiB`; null is any amount. */
  run(order: Uint8Array, needs: { readonly codePackage: string; readonly memoryMiB: number | null }): void;
  /** Raises the abort signal of the running attempt; the process reports `failure` once the step has settled, at the latest after `settleMs`. */
  abort(failure: Failure, settleMs: number): void;
  /** Reaches everything that the step started as well. */
  signal(signal: "SIGTERM" | "SIGKILL"): void;
  /** Whether anything that the step started is still there. */
  hasChildren(): boolean;
  /** Most memory that it, and what it started, was seen to hold since the last `run`, now included. MiB. */
  samplePeakMiB(): number;
  /** Its limit is kept by nothing but often asking for `excess`. */
  readonly isToBeWatched: boolean;
  /** What the attempt holds, or has held, beyond its limit; null where it has not. Something of it may have been killed for that. */
  excess(): MemoryExcess | null;
}

/** `once`: it starts faster and runs one order; its report says that it is not to be used again. */
export type ProcessUse = "once" | "warm";

export type ProcessStart = {
  /** Added to the worker's own. */
  readonly environment: Readonly<Record<string, string>>;
  readonly use: ProcessUse;
};

export interface TaskProcesses {
  /** Never throws: a process that cannot be started ends with a `spawnError`. */
  start(start: ProcessStart, events: TaskProcessEvents): TaskProcess;
  /** Resolves when no process is left. Everything that still runs is killed. */
  close(): Promise<void>;
}
