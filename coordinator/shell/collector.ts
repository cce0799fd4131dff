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

type Survey = {
  readonly runs: readonly RunSummary[];
  readonly needed: Set<Sha256>;
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
    const candidates = await this.#candidates(survey.needed);
    await this.#surveyAgain(survey, candidates.old); // G2
    const deleted = request.dryRun ? amountOf(candidates.old.values()) : await this.#sweep(candidates.old);
    if (!request.dryRun)
      for (const { run, collectedAtMs } of survey.runs) if (collectedAtMs !== undefined) this.#options.secrets?.forget(run);
    if (!request.dryRun && !request.keepLogs) for (const run of collected) await this.#options.logs.remove(run);
    log.info(
      { event: "gc.finished", runs: collected.size, blobs: deleted.blobs, bytes: deleted.bytes, dry_run: request.dryRun, by: request.by },
      "garbage was collected",
    );
    return {
      dryRun: request.dryRun,
      runs: [...collected],
      busy,
      keptRuns: survey.runs.filter(({ run, collectedAtMs }) => collectedAtMs === undefined && !collected.has(run)).length,
      deleted,
      needed: candidates.needed,
      young: candidates.young,
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
    const runs: RunSummary[] = [];
    const needed = new Set<Sha256>();
    for await (const summary of this.#runs()) {
      runs.push(summary);
      if (summary.collectedAtMs === undefined && !without.has(summary.run)) await this.#need(summary.run, needed);
    }
    return { runs, needed };
  }

  async #need(run: RunId, needed: Set<Sha256>): Promise<void> {
    for (const blob of blobsOfRun(await this.#options.readState(run))) needed.add(blob);
  }

  /** What is stored, sorted by whether it may be deleted. */
  async #candidates(
    needed: Set<Sha256>,
  ): Promise<{ readonly old: Map<Sha256, ListedBlob>; readonly needed: Amount; readonly young: Amount }> {
    const { store, clock, youngMs } = this.#options;
    const lists: Sha256[] = [];
    const others: ListedBlob[] = [];
    const held: ListedBlob[] = [];
    for await (const blob of store.list()) {
      if (blob.part === "list") lists.push(blob.sha256);
      if (needed.has(blob.sha256)) held.push(blob);
      else others.push(blob);
    }
    // A piece is needed for as long as the blob that it is a piece of.
    const pieces = new Set<Sha256>();
    for (const sha256 of lists) if (needed.has(sha256)) for (const piece of await store.piecesOf(sha256)) pieces.add(piece);
    const beforeMs = clock.nowMs() - youngMs; // G3
    const free = others.filter(({ sha256 }) => !pieces.has(sha256));
    const old = free.filter(({ modifiedAtMs }) => modifiedAtMs < beforeMs);
    return {
      old: new Map(old.map((blob) => [blob.sha256, blob])),
      needed: amountOf([...held, ...others.filter(({ sha256 }) => pieces.has(sha256))]),
      young: amountOf(free.filter(({ modifiedAtMs }) => modifiedAtMs >= beforeMs)),
    };
  }

  /** Takes out of `old` what is needed by runs that were not there, or not at their end, when it was looked for. */
  async #surveyAgain({ runs }: Survey, old: Map<Sha256, ListedBlob>): Promise<void> {
    const ended = new Set(runs.filter(({ finishedAtMs }) => finishedAtMs !== null).map(({ run }) => run));
    const needed = new Set<Sha256>();
    for await (const { run, finishedAtMs, collectedAtMs } of this.#runs()) {
      if (collectedAtMs === undefined && (finishedAtMs === null || !ended.has(run))) await this.#need(run, needed);
    }
    for (const sha256 of needed) {
      if (old.delete(sha256)) for (const piece of await this.#options.store.piecesOf(sha256)) old.delete(piece);
    }
  }

  /** Looks once more at each blob: it may have been stored again since. (G3) */
  async #sweep(old: ReadonlyMap<Sha256, ListedBlob>): Promise<Amount> {
    const { store, clock, youngMs } = this.#options;
    if (old.size === 0) return amountOf([]);
    const beforeMs = clock.nowMs() - youngMs;
    const deleted: ListedBlob[] = [];
    let batch: ListedBlob[] = [];
    const flush = async (): Promise<void> => {
      await store.delete([...new Set(batch.map(({ sha256 }) => sha256))], beforeMs);
      deleted.push(...batch);
      batch = [];
    };
    for await (const blob of store.list()) {
      if (!old.has(blob.sha256) || blob.modifiedAtMs >= beforeMs) continue;
      batch.push(blob);
      if (batch.length >= deletedAtOnce) await flush();
    }
    await flush();
    return amountOf(deleted);
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

function amountOf(blobs: Iterable<ListedBlob>): Amount {
  let [count, bytes] = [0, 0];
  for (const { size } of blobs) {
    count += 1;
    bytes += size;
  }
  return { blobs: count, bytes };
}
