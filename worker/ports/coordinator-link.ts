// The port to a coordinator: one stream of messages in each direction, which may break at any time.

import type { OutputStream } from "./task-process.ts";

/** A line that an attempt printed, or that the worker says about it. */
export type Line = { readonly stream: OutputStream | "system"; readonly atMs: number; readonly text: string };

/** Names an assignment. An attempt that is assigned again has another lease. */
export type Held = { readonly run: string; readonly task: string; readonly attempt: number; readonly lease: number };

export type Hello = {
  readonly worker: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly slots: number;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly held: readonly Held[];
  /** Work for these runs only; empty means any. */
  readonly runs: readonly string[];
};

export type ToCoordinator =
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "beat"; readonly held: readonly Held[] }
  /** `outcome` is the JSON of a TaskOutcome. */
  | { readonly kind: "outcome"; readonly of: Held; readonly outcome: Uint8Array }
  | { readonly kind: "logs"; readonly of: Held; readonly lines: readonly Line[] }
  | { readonly kind: "credit"; readonly slots: number }
  | { readonly kind: "draining" };

export type FromCoordinator =
  | { readonly kind: "welcome"; readonly leaseMs: number; readonly beatMs: number }
  /** `order` is the JSON of a TaskOrder. */
  | { readonly kind: "assign"; readonly of: Held; readonly order: Uint8Array }
  | { readonly kind: "stop"; readonly of: Held; readonly graceMs: number; readonly by: string }
  | { readonly kind: "revoke"; readonly of: Held }
  | { readonly kind: "accepted"; readonly of: Held }
  | { readonly kind: "drain" };

export type LinkEvents = {
  onMessage(message: FromCoordinator): void;
  /** Once, last. `refused` where trying again makes no sense. */
  onClosed(end: { readonly reason: string; readonly refused: boolean }): void;
};

export interface CoordinatorLink {
  /** Messages arrive in the order of the calls, or the link closes. */
  send(message: ToCoordinator): void;
  close(): void;
}

/** Opens a stream; a coordinator that cannot be reached closes it. */
export type OpenLink = (events: LinkEvents) => CoordinatorLink;
