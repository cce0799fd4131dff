// What runs the container of a job.

import type { Needs } from "./job.ts";

export type Launch = {
  readonly jobId: string;
  readonly attempt: number;
  readonly image: string;
  readonly command: readonly string[];
  /** All of it, but for what the image brings. */
  readonly environment: Readonly<Record<string, string>>;
  readonly needs: Needs;
  readonly logFile: string;
};

export type Exit =
  | { readonly kind: "exited"; readonly code: number; readonly isOutOfMemory: boolean }
  | { readonly kind: "notStarted"; readonly reason: string };

export type Container = {
  /** Resolves when nothing of it runs any more. */
  readonly ended: Promise<Exit>;
  /** The signal that asks to end; only the first process gets it. */
  stop(): void;
  /** Ends all of its processes. */
  kill(why?: "outOfMemory"): void;
};

export type Runner = {
  start(launch: Launch): Container;
  /** Ends what runs. */
  close(): Promise<void>;
};
