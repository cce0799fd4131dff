// Opens what runs and what is kept on this machine.

import type { Control } from "../proto/control.ts";
import type { FileArtifactStore } from "../sdk/artifact/file-store.ts";

/** Reads and asks; runs nothing. */
export type LocalReader = { readonly control: Control; readonly store: FileArtifactStore; close(): Promise<void> };

/** A coordinator and a worker in this process. */
export type LocalCluster = LocalReader & {
  /** Ends all task processes at once, without waiting. */
  kill(): void;
};

export type LocalOptions = { readonly dir: string; readonly slots: number; readonly isolation: "warm" | "process"; readonly log: string };

export function openLocal(options: { readonly dir: string }): Promise<LocalReader> {
  return Promise.reject(new Error(`no coordinator can be opened in ${options.dir}`));
}

export function startLocal(options: LocalOptions): Promise<LocalCluster> {
  return Promise.reject(new Error(`no coordinator can be started in ${options.dir}`));
}
