// Collects garbage: gives up the artifacts of runs that nobody keeps, and deletes the blobs that no run needs.
//
// G1. A run is marked as collected, durably, before anything of it is deleted. Nothing can go on from it afterwards.
// G2. What is needed is found out after that, and found out again for whatever may have changed before anything is deleted.
// G3. A blob is deleted only if it is old: whoever stores it again makes it new, and names it long before it is old again.
// G4. To die at any point loses nothing: the next collection begins anew.

import type { Amount, CollectReport, CollectRequest } from "../../proto/collect.ts";
import type { RunId, Sha256 } from "../../proto/ids.ts";
import type { RunSummary } from "../../proto/view.ts";
import type { ListedBlob, SweepableStore } from "../../sdk/artifact/sweepable.ts";
import { decideCollect, Keeping } from "../core/collect.ts";
import { blobsOfRun } from "../core/run-blobs.ts";
import type { RunState } from "../core/state.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { LogStore } from "../ports/log-store.ts";
import type { SecretStore } from "../ports/secret-store.ts";
import { OwnedElsewhere, type Drivers } from "./drivers.ts";
import type { CoordinatorLog } from "./log.ts";

export type CollectorOptions = {
  readonly ledger: Ledger;
  readonly drivers: Drivers;
  readonly logs: LogStore;
  readonly clock: Clock;
  readonly log: CoordinatorLog;
  readonly store: SweepableStore;
  readonly secrets: SecretStore | null;
  /** A blob is young for so long after it was last stored: well above `renewedAfterMs`. Milliseconds. */
  readonly youngMs: number;
  /** Everything in the state is durable. To be looked at before the next turn. */
  readonly readState: (run: RunId) => Promise<RunState>;
};

const pageRuns = 200;
/** Names of one request to delete: few, so that little time passes between a look at a blob and its end. */
const deletedAtOnce = 100;

/** Old blobs that are looked at together for who may have named them meanwhile: what is listed is never held as a whole. */
const lookedAtOnce = 20_000;

/** What was found out about all runs before anything is deleted. */
type Survey = {
  /** Of those that were at their end. */
  readonly ended: ReadonlySet<RunId>;
  readonly keptRuns: number;
  /** Whose artifacts are given up, now or before. */
  readonly collected: readonly RunId[];
  readonly needed: Set<Sha256>;
  /** Blobs that are stored in pieces, and that no run needed. */
  readonly lists: Set<Sha256>;
};

export class Collector {
  readonly #options: CollectorOptions;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** One at a time. */
  collect(request: CollectRequest): Promise<CollectReport> {
    const collecting = this.#running.then(() => this.#collect(request));
    this.#running = collecting.catch(() => undefined);
    return collecting;
  }

  async #collect(request: CollectRequest): Promise<CollectReport> {
    const { log } = this.#options;
    const { collected, busy } = await this.#giveUp(request);
    const survey = await this.#survey(request.dryRun ? collected : new Set());
    await this.#addPieces(survey);
    const { deleted, needed, young } = await this.#sweep(survey, request.dryRun);
    if (!request.dryRun) for (const run of survey.collected) this.#options.secrets?.forget(run);
    if (!request.dryRun && !request.keepLogs) for (const run of collected) await this.#options.logs.remove(run);
    log.info(
      { event: "gc.finished", runs: collected.size, blobs: deleted.blobs, bytes: deleted.bytes, dry_run: request.dryRun, by: request.by },
      "garbage was collected",
    );
    return {
      dryRun: request.dryRun,
      runs: [...collected],
      busy,
      keptRuns: survey.keptRuns,
      deleted,
      needed,
      young,
      youngHours: this.#options.youngMs / hourMs,
    };
  }

  /** G1 */
  async #giveUp({ retention, dryRun, by }: CollectRequest): Promise<{ readonly collected: Set<RunId>; readonly busy: readonly RunId[] }> {
    const keeping = new Keeping(retention, this.#options.clock.nowMs());
    const collected = new Set<RunId>();
    const busy: RunId[] = [];
    for await (const summary of this.#runs()) {
      if (keeping.keeps(summary) || summary.collectedAtMs !== undefined) continue;
      if (dryRun || (await this.#mark(summary.run, by))) collected.add(summary.run);
      else busy.push(summary.run);
    }
    return { collected, busy };
  }

  async #mark(run: RunId, by: string): Promise<boolean> {
    const { drivers, clock } = this.#options;
    try {
      const decided = await drivers.act(run, (driver) => {
        const refusal = driver.propose(decideCollect(driver.state, { by, atMs: clock.nowMs() }));
        return { refusal, durable: refusal === null ? driver.settled() : null };
      });
      if (decided.refusal !== null) return false;
      await decided.durable;
    } catch (error) {
      if (error instanceof OwnedElsewhere) return false;
      throw error;
    }
    return true;
  }

  /** What all runs need, except those that are left out. */
  async #survey(without: ReadonlySet<RunId>): Promise<Survey> {
    const ended = new Set<RunId>();
    const collected: RunId[] = [];
    const needed = new Set<Sha256>();
    let keptRuns = 0;
    for await (const { run, finishedAtMs, collectedAtMs } of this.#runs()) {
      if (finishedAtMs !== null) ended.add(run);
      if (collectedAtMs !== undefined) collected.push(run);
      else if (!without.has(run)) {
        keptRuns += 1;
        await this.#need(run, needed);
      }
    }
    return { ended, keptRuns, collected, needed, lists: new Set() };
  }

  async #need(run: RunId, needed: Set<Sha256>): Promise<void> {
    for (const blob of blobsOfRun(await this.#options.readState(run))) needed.add(blob);
  }

  /** A piece is needed for as long as the blob that it is a piece of. */
  async #addPieces({ needed, lists }: Survey): Promise<void> {
    const { store } = this.#options;
    const inPieces: Sha256[] = [];
    for await (const { part, sha256 } of store.list()) {
      if (part !== "list") continue;
      if (needed.has(sha256)) inPieces.push(sha256);
      else lists.add(sha256);
    }
    for (const sha256 of inPieces) for (const piece of await store.piecesOf(sha256)) needed.add(piece);
  }

  async #sweep(survey: Survey, dryRun: boolean): Promise<{ readonly deleted: Amount; readonly needed: Amount; readonly young: Amount }> {
    const { store, clock, youngMs } = this.#options;
    const [deleted, needed, young] = [none(), none(), none()];
    const beforeMs = clock.nowMs() - youngMs; // G3
    let old: ListedBlob[] = [];
    const flush = async (): Promise<void> => {
      if (old.length === 0) return;
      await this.#surveyAgain(survey); // G2
      const free = old.filter(({ sha256 }) => !survey.needed.has(sha256));
      for (const blob of old) if (survey.needed.has(blob.sha256)) add(needed, blob);
      old = [];
      if (!dryRun) await this.#delete(free, beforeMs);
      for (const blob of free) add(deleted, blob);
    };
    for await (const blob of store.list()) {
      if (survey.needed.has(blob.sha256)) add(needed, blob);
      else if (blob.modifiedAtMs >= beforeMs) add(young, blob);
      else old.push(blob);
      if (old.length >= lookedAtOnce) await flush();
    }
    await flush();
    return { deleted, needed, young };
  }

  /** Adds what is needed by runs that were not there, or not at their end, when it was looked for. */
  async #surveyAgain({ ended, needed, lists }: Survey): Promise<void> {
    const again = new Set<Sha256>();
    for await (const { run, finishedAtMs, collectedAtMs } of this.#runs()) {
      if (collectedAtMs === undefined && (finishedAtMs === null || !ended.has(run))) await this.#need(run, again);
    }
    for (const sha256 of again) {
      needed.add(sha256);
      if (lists.delete(sha256)) for (const piece of await this.#options.store.piecesOf(sha256)) needed.add(piece);
    }
  }

  /** The store looks once more at each blob: it may have been stored again since. (G3) */
  async #delete(blobs: readonly ListedBlob[], beforeMs: number): Promise<void> {
    const names = [...new Set(blobs.map(({ sha256 }) => sha256))];
    for (let at = 0; at < names.length; at += deletedAtOnce)
      await this.#options.store.delete(names.slice(at, at + deletedAtOnce), beforeMs);
  }

  /** Newest first. */
  async *#runs(): AsyncIterable<RunSummary> {
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<Ledger["list"]>> = await this.#options.ledger.list({
        limit: pageRuns,
        namespace: null,
        ...(cursor !== null && { cursor }),
      });
      yield* page.items;
      cursor = page.next;
    } while (cursor !== null);
  }
}

const hourMs = 60 * 60 * 1000;

const none = () => ({ blobs: 0, bytes: 0 });

function add(amount: { -readonly [Field in keyof Amount]: Amount[Field] }, { size }: ListedBlob): void {
  amount.blobs += 1;
  amount.bytes += size;
}
