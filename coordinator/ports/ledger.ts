import type { RecordedEvent, RunEvent, RunStatus } from "../../proto/event.ts";
import type { FlowName, RunId } from "../../proto/ids.ts";
import type { Page, RunsQuery } from "../../proto/control.ts";
import type { RunSummary } from "../../proto/view.ts";

/**
 * What the ledger keeps beside the events, so that listing reads no histories. Each append brings it whole. Everything in it
 * but the counts is as durable as the events; counts alone may reach the list a second late, and stay behind if the process dies.
 */
export type RunIndex = RunSummary;

export type Appended = { readonly kind: "appended"; readonly lastSeq: number };
/** Somebody else has appended: whoever sees this must stop driving the run and read it again. */
export type Conflict = { readonly kind: "conflict"; readonly lastSeq: number };

/**
 * A process that drives runs. Stale claims are found by whether that process still lives: of its own host only, since nobody
 * sees another's processes, so that an owner on another host counts as alive. A container needs a fixed host name therefore.
 */
export type Owner = { readonly id: string; readonly pid: number; readonly host: string; readonly address: string };

/** Where a new run begins. `key` is that of the submission: the ledger keeps it with the run, for ever. */
export type Beginning = { readonly flow: FlowName; readonly owner: Owner; readonly key?: string };

/** Not new: another submission with the key was there before, and nothing was written. */
export type Created = { readonly run: RunId; readonly isNew: boolean };

/**
 * The append-only history of every run: the truth. Durable when a promise resolves.
 * Errors: `LedgerError` corrupt (a checksum fails: never skipped, the run is closed to writing), full, readOnly, busy.
 */
export interface Ledger {
  /**
   * Gives the run the next number of its flow, records the owner's claim, and appends what `first` makes of the id.
   * `first` may be called more than once, and in vain; the last call counts. What it keeps elsewhere is of a run that may come to nothing.
   */
  create(beginning: Beginning, first: (run: RunId) => { readonly events: readonly RunEvent[]; readonly index: RunIndex }): Promise<Created>;
  /** The run that was created with the key; null where none was. */
  submitted(key: string): Promise<RunId | null>;
  /**
   * Appends all of `events` if the last sequence number is still `after`, else nothing. Concurrent calls share a commit.
   * Where it rejects, the events were most likely not recorded, but a disk's error can't tell: reading does.
   */
  append(run: RunId, after: number, events: readonly RunEvent[], index: RunIndex): Promise<Appended | Conflict>;
  /** In order, from `afterSeq` + 1 on; verified. */
  read(run: RunId, afterSeq: number): AsyncIterable<RecordedEvent>;
  /**
   * Newest first, in the order of creation. `tags` and `namespace` are looked for among user and system tags; a run is in the
   * list from `sinceMs` on and before `untilMs`. `within` is a run's own namespace, whatever its tags. A cursor stays good while runs are added. `total` counts all pages.
   */
  list(query: RunsQuery): Promise<Page<RunIndex>>;
  /** Flows of the runs that carry the tag `namespace`, or of all for null; each once, in alphabetical order. `within`: of runs of that namespace itself. */
  flows(namespace: string | null, within?: string): Promise<readonly FlowName[]>;
  /** Takes the run over unless a live owner has it. Returns who owns it now. */
  claim(run: RunId, owner: Owner): Promise<Owner>;
  /** Who drives the run; null where nobody does, or its process is dead. */
  owner(run: RunId): Promise<Owner | null>;
  release(run: RunId, owner: Owner): Promise<void>;
  close(): Promise<void>;
}

export type LedgerProblem = "corrupt" | "full" | "readOnly" | "busy" | "notFound" | "cursor" | "version";

export class LedgerError extends Error {
  override readonly name = "LedgerError";
  readonly problem: LedgerProblem;
  constructor(problem: LedgerProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

export const unfinishedStatuses: readonly RunStatus[] = ["pending", "running"];
