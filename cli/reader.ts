// What commands ask and read from, wherever it is: this machine's folder, or a coordinator elsewhere.

import type { Control } from "../proto/control.ts";
import type { RunId } from "../proto/ids.ts";
import type { ArtifactStore, BlockingReader } from "../sdk/artifact/store.ts";

/** Reads and asks; runs nothing. */
export type Reader = {
  readonly control: Control;
  /** Takes what a submission will name. */
  readonly store: ArtifactStore;
  /** What the run names can be read there. */
  storeOf(run: RunId): ArtifactStore & BlockingReader;
  /** Where a connection may be lost: whoever follows a run tells of it. */
  readonly connection?: Connection;
  close(): Promise<void>;
};

/** Called when the coordinator answers no more, and when it answers again. `patient`: it is waited for although it has never answered. */
export type Connection = { onAway: ((reason: string) => void) | null; onBack: (() => void) | null; patient?: boolean };

/** What takes part in running: a coordinator and a worker in this process, or a worker for a coordinator elsewhere. */
export type Cluster = Reader & {
  /** Whether the run goes on without this process. */
  readonly lasting: boolean;
  /** Takes part in the run, where that takes more than having submitted it. */
  join(run: RunId): Promise<void>;
  /** Ends all task processes at once, without waiting. */
  kill(): void;
};
