// The ledger in one SQLite file, which several processes may use at once.
// Invariants: L1. a promise of `create` and `append` resolves after the disk has confirmed the commit. L2. a run's rows are
// 1..last_seq without a gap, each with its checksum; whatever else is found is reported, never skipped. L3. a run found
// damaged takes no more events from this process. L4. a run's number, once given, is never given again.
// It works on the caller's thread: a helper thread would keep the event loop free during the sync (0.5 ms), but makes a single
// append slower by a third and costs a thread's start in every short command.

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Page, RunsQuery } from "../../proto/control.ts";
import type { RecordedEvent, RunEvent } from "../../proto/event.ts";
import { flowOf, numberOf, parseRunId, runIdOf, type FlowName, type RunId } from "../../proto/ids.ts";
import {
  LedgerError,
  type Appended,
  type Beginning,
  type Conflict,
  type Created,
  type Ledger,
  type Owner,
  type RunIndex,
} from "../ports/ledger.ts";
import { checksumOf, parseEventRow } from "./event-row.ts";
import { GroupCommit } from "./group-commit.ts";
import { IndexThrottle, type LateIndex } from "./index-throttle.ts";
import { asLedgerError, isBusy, openFile } from "./sqlite-file.ts";
import { flowRows, listRows, namespaceTag, type SummaryRow } from "./sqlite-listing.ts";
import { SqliteOwners } from "./sqlite-owners.ts";

/** Rows read in one go, and held in memory at once. */
const readRows = 500;
/** How long a read goes on trying while other processes hold the file. */
const readBusyMs = 30_000;

type RunRow = { readonly key: number; readonly last_seq: number };
type EventRow = {
  readonly last_seq: number;
  readonly seq: number | null;
  readonly payload: string | null;
  readonly checksum: number | null;
};
type First = { readonly events: readonly RunEvent[]; readonly index: RunIndex };

function prepareStatements(database: DatabaseSync) {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  return {
    number: prepare(
      "INSERT INTO flows (flow, last_number) VALUES (?, 1) ON CONFLICT (flow) DO UPDATE SET last_number = last_number + 1 RETURNING last_number",
    ),
    lastNumber: prepare("SELECT last_number FROM flows WHERE flow = ?"),
    selectKey: prepare("SELECT r.run FROM submissions s JOIN runs r ON r.key = s.run_key WHERE s.key = ?"),
    insertKey: prepare("INSERT INTO submissions (key, run_key) VALUES (?, ?)"),
    insertRun: prepare("INSERT INTO runs (run, last_seq) VALUES (?, ?)"),
    selectRun: prepare("SELECT key, last_seq FROM runs WHERE run = ?"),
    advance: prepare("UPDATE runs SET last_seq = ? WHERE run = ? AND last_seq = ? RETURNING key"),
    insertEvent: prepare("INSERT INTO events (run_key, seq, payload, checksum) VALUES (?, ?, ?, ?)"),
    selectEvents: prepare(
      `SELECT r.last_seq, e.seq, e.payload, e.checksum FROM runs r LEFT JOIN events e ON e.run_key = r.key AND e.seq > ?
       WHERE r.run = ? ORDER BY e.seq LIMIT ${readRows}`,
    ),
    replaceSummary: prepare(
      "INSERT OR REPLACE INTO summaries (run_key, flow, status, user, submitted_at_ms, summary, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ),
    deleteTags: prepare("DELETE FROM tags WHERE run_key = ?"),
    insertTag: prepare("INSERT OR IGNORE INTO tags (tag, run_key) VALUES (?, ?)"),
  };
}

export class SqliteLedger implements Ledger {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #commit: GroupCommit;
  readonly #owners: SqliteOwners;
  readonly #throttle = new IndexThrottle((late) => this.#writeLate(late));
  /** The tags that the file has for a run, as this process wrote them last. */
  readonly #tagsWritten = new Map<RunId, string>();
  readonly #damaged = new Map<RunId, LedgerError>();
  #closed = false;

  /** Makes the file and its folder where they are missing. @throws LedgerError readOnly, corrupt, version, busy, full */
  constructor(path: string) {
    this.#path = path;
    this.#database = openFile(path);
    try {
      this.#sql = prepareStatements(this.#database);
      this.#commit = new GroupCommit(this.#database, path);
      this.#owners = new SqliteOwners(this.#database);
    } catch (error) {
      // The tables are not what they must be.
      this.#database.close();
      throw asLedgerError(error, path);
    }
  }

  async create({ flow, owner, key: submission }: Beginning, first: (run: RunId) => First): Promise<Created> {
    const { run, index } = await this.#commit.run(() => {
      const before = submission === undefined ? null : this.#runOfKey(submission);
      if (before !== null) return { run: before, index: null };
      const run = runIdOf(flow, Number(this.#sql.number.get(flow)?.["last_number"]));
      const { events, index } = first(run);
      const key = Number(this.#sql.insertRun.run(run, events.length).lastInsertRowid);
      this.#insertEvents(run, key, { after: 0, payloads: events.map((event) => JSON.stringify(event)) });
      this.#writeIndex(key, index);
      this.#owners.claim(key, owner);
      if (submission !== undefined) this.#sql.insertKey.run(submission, key);
      return { run, index };
    });
    if (index === null) return { run, isNew: false };
    this.#throttle.written(index);
    this.#tagsWritten.set(run, tagsKey(index));
    return { run, isNew: true };
  }

  async submitted(key: string): Promise<RunId | null> {
    return await this.#whenFree(() => this.#runOfKey(key));
  }

  // oxlint-disable-next-line max-params -- the port has four, all of which every call needs
  async append(run: RunId, after: number, events: readonly RunEvent[], index: RunIndex): Promise<Appended | Conflict> {
    const payloads = events.map((event) => JSON.stringify(event));
    const lastSeq = after + events.length;
    const indexIsDue = this.#throttle.isDue(index);
    const outcome = await this.#commit.run((): Appended | Conflict => {
      this.#refuseDamaged(run); // L3
      const key = this.#sql.advance.get(lastSeq, run, after)?.["key"];
      if (key === undefined) return { kind: "conflict", lastSeq: this.#runRow(run).last_seq };
      this.#insertEvents(run, Number(key), { after, payloads });
      if (indexIsDue) this.#writeIndex(Number(key), index);
      return { kind: "appended", lastSeq };
    });
    if (outcome.kind === "conflict") return outcome;
    if (!indexIsDue) this.#throttle.delay({ index, seq: lastSeq });
    else {
      this.#throttle.written(index);
      if (index.finishedAtMs === null) this.#tagsWritten.set(run, tagsKey(index));
      else this.#tagsWritten.delete(run);
    }
    return outcome;
  }

  async *read(run: RunId, afterSeq: number): AsyncIterable<RecordedEvent> {
    for (let seq = afterSeq; ;) {
      const rows = await this.#readRows(run, seq);
      const lastSeq = rows[0] === undefined ? this.#runRow(run).last_seq : rows[0].last_seq;
      for (const row of rows) {
        if (row.seq === null) break;
        const recorded = parseEventRow(run, row);
        if (recorded === null || recorded.seq !== seq + 1 || recorded.seq > lastSeq) throw this.#damage(run, seq + 1); // L2
        seq = recorded.seq;
        yield recorded;
      }
      if (rows.length < readRows) {
        if (seq < lastSeq) throw this.#damage(run, seq + 1); // L2
        return;
      }
    }
  }

  async list(query: RunsQuery): Promise<Page<RunIndex>> {
    const { rows, total, next } = await this.#whenFree(() => listRows(this.#database, query));
    return { items: rows.map((row) => this.#summaryOf(row)), total, next };
  }

  async flows(namespace: string | null, within?: string): Promise<readonly FlowName[]> {
    return await this.#whenFree(() => flowRows(this.#database, namespace, within));
  }

  claim(run: RunId, owner: Owner): Promise<Owner> {
    return this.#commit.run(() => this.#owners.claim(this.#runRow(run).key, owner));
  }

  async owner(run: RunId): Promise<Owner | null> {
    return await this.#whenFree(() => this.#owners.living(this.#runRow(run).key));
  }

  async release(run: RunId, owner: Owner): Promise<void> {
    await this.#commit.run(() => this.#owners.release(this.#runRow(run).key, owner));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#throttle.drain();
    await this.#commit.idle();
    this.#database.close();
  }

  #runOfKey(key: string): RunId | null {
    const row = this.#sql.selectKey.get(key);
    return row === undefined ? null : parseRunId(String(row["run"]));
  }

  async #readRows(run: RunId, afterSeq: number): Promise<readonly EventRow[]> {
    try {
      return await this.#whenFree(() => this.#sql.selectEvents.all(afterSeq, run) as EventRow[]);
    } catch (error) {
      if (error instanceof LedgerError && error.problem === "corrupt") throw this.#damage(run, afterSeq + 1, error);
      throw error;
    }
  }

  #insertEvents(run: RunId, key: number, { after, payloads }: { readonly after: number; readonly payloads: readonly string[] }): void {
    let seq = after;
    for (const payload of payloads) {
      seq++;
      this.#sql.insertEvent.run(key, seq, payload, checksumOf(run, seq, payload));
    }
  }

  #writeIndex(key: number, index: RunIndex): void {
    const summary = JSON.stringify(index);
    this.#sql.replaceSummary.run(
      key,
      index.flow,
      index.status,
      index.user,
      index.submittedAtMs,
      summary,
      checksumOf(index.run, 0, summary),
    );
    if (this.#tagsWritten.get(index.run) === tagsKey(index)) return;
    this.#sql.deleteTags.run(key);
    for (const tag of [...index.tags, ...index.systemTags, namespaceTag(index.namespace)]) this.#sql.insertTag.run(tag, key);
  }

  #writeLate(late: readonly LateIndex[]): void {
    const write = async (): Promise<void> => {
      await this.#commit.run(() => {
        for (const { index, seq } of late) {
          const { key, last_seq } = this.#runRow(index.run);
          // Whoever has appended since has written the truer line.
          if (last_seq === seq) this.#writeIndex(key, index);
        }
      });
      for (const each of late) this.#throttle.settled(each);
    };
    // Counts in a list are a courtesy: what stops them from being written stops the next append as well, and is told there.
    write().catch(() => undefined);
  }

  #summaryOf(row: SummaryRow): RunIndex {
    const run = parseRunId(row.run);
    const late = this.#throttle.late(run);
    if (late !== undefined) return late;
    if (row.summary === null || checksumOf(run, 0, row.summary) !== row.checksum) throw this.#corrupt(run, `the summary of ${run}`);
    return JSON.parse(row.summary) as RunIndex;
  }

  /** @throws LedgerError notFound, corrupt */
  #runRow(run: RunId): RunRow {
    const row = this.#sql.selectRun.get(run) as RunRow | undefined;
    if (row !== undefined) return row;
    const lastNumber = this.#sql.lastNumber.get(flowOf(run))?.["last_number"];
    if (Number(lastNumber ?? 0) >= numberOf(run)) throw this.#corrupt(run, `the entry of ${run}`);
    throw new LedgerError("notFound", `there is no run ${run} in ${this.#path}; \`stepwell runs\` lists those that are`);
  }

  #refuseDamaged(run: RunId): void {
    const damage = this.#damaged.get(run);
    if (damage !== undefined) throw damage;
  }

  #damage(run: RunId, seq: number, cause?: unknown): LedgerError {
    return this.#corrupt(run, `event ${seq} of ${run}`, cause);
  }

  #corrupt(run: RunId, what: string, cause?: unknown): LedgerError {
    const error = new LedgerError(
      "corrupt",
      `ledger ${this.#path}: ${what} is damaged or missing; restore the file from a backup, or start the flow again as a new run`,
      { cause },
    );
    this.#damaged.set(run, error);
    return error;
  }

  /** Reads never wait for writers, but do for a process that opens or closes the file. */
  async #whenFree<T>(read: () => T): Promise<T> {
    const giveUpMs = performance.now() + readBusyMs;
    for (;;) {
      try {
        return read();
      } catch (error) {
        if (!isBusy(error) || performance.now() > giveUpMs) throw asLedgerError(error, this.#path);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function tagsKey(index: RunIndex): string {
  return JSON.stringify([index.tags, index.systemTags]);
}
