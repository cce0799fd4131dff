// The ledger in this process's memory: for tests and simulations.

import type { Page, RunsQuery } from "../../proto/control.ts";
import type { RecordedEvent, RunEvent } from "../../proto/event.ts";
import { runIdOf, type FlowName, type RunId } from "../../proto/ids.ts";
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
import { startOfProcess } from "./process-identity.ts";

type Entry = { readonly key: number; readonly events: string[]; index: RunIndex; owner: Owner | null };

export type MemoryLedgerOptions = {
  /** Whether the owner's process still lives; by default whether this machine has a process of that number. */
  readonly isAlive?: (owner: Owner) => boolean;
};

export class MemoryLedger implements Ledger {
  /** In the order of creation. */
  readonly #entries = new Map<RunId, Entry>();
  readonly #submitted = new Map<string, RunId>();
  readonly #lastNumbers = new Map<FlowName, number>();
  readonly #isAlive: (owner: Owner) => boolean;

  constructor(options: MemoryLedgerOptions = {}) {
    this.#isAlive = options.isAlive ?? ((owner) => startOfProcess(owner.pid) !== null);
  }

  async create(
    { flow, owner, key }: Beginning,
    first: (run: RunId) => { readonly events: readonly RunEvent[]; readonly index: RunIndex },
  ): Promise<Created> {
    const before = key === undefined ? undefined : this.#submitted.get(key);
    if (before !== undefined) return { run: before, isNew: false };
    const number = (this.#lastNumbers.get(flow) ?? 0) + 1;
    const run = runIdOf(flow, number);
    const { events, index } = first(run);
    this.#lastNumbers.set(flow, number);
    this.#entries.set(run, { key: this.#entries.size + 1, events: events.map((event) => JSON.stringify(event)), index, owner });
    if (key !== undefined) this.#submitted.set(key, run);
    return { run, isNew: true };
  }

  async submitted(key: string): Promise<RunId | null> {
    return this.#submitted.get(key) ?? null;
  }

  // oxlint-disable-next-line max-params -- the port has four, all of which every call needs
  async append(run: RunId, after: number, events: readonly RunEvent[], index: RunIndex): Promise<Appended | Conflict> {
    const entry = this.#entry(run);
    if (entry.events.length !== after) return { kind: "conflict", lastSeq: entry.events.length };
    for (const event of events) entry.events.push(JSON.stringify(event));
    entry.index = index;
    return { kind: "appended", lastSeq: entry.events.length };
  }

  async *read(run: RunId, afterSeq: number): AsyncIterable<RecordedEvent> {
    const { events } = this.#entry(run);
    for (let seq = afterSeq + 1; ; seq++) {
      const text = events[seq - 1];
      if (text === undefined) return;
      // Parsed anew for each reader, as from a file: nobody can change another's history.
      yield { seq, event: JSON.parse(text) as RunEvent };
    }
  }

  async list(query: RunsQuery): Promise<Page<RunIndex>> {
    const found = [...this.#entries.values()].filter(({ index }) => matches(index, query)).reverse();
    const after = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : parseCursor(query.cursor);
    const rest = found.filter(({ key }) => key < after);
    const page = rest.slice(0, query.limit);
    const last = page.at(-1);
    const next = rest.length > query.limit && last !== undefined ? `m${last.key}` : null;
    return { items: page.map(({ index }) => index), total: found.length, next };
  }

  async flows(namespace: string | null, within?: string): Promise<readonly FlowName[]> {
    const query = { namespace, ...(within !== undefined && { within }), limit: 0 };
    const found = [...this.#entries.values()].filter(({ index }) => matches(index, query));
    return [...new Set(found.map(({ index }) => index.flow))].sort();
  }

  async claim(run: RunId, owner: Owner): Promise<Owner> {
    const entry = this.#entry(run);
    const holder = this.#living(entry);
    if (holder !== null && holder.id !== owner.id) return holder;
    entry.owner = owner;
    return owner;
  }

  async owner(run: RunId): Promise<Owner | null> {
    return this.#living(this.#entry(run));
  }

  async release(run: RunId, owner: Owner): Promise<void> {
    const entry = this.#entry(run);
    if (entry.owner?.id === owner.id) entry.owner = null;
  }

  async close(): Promise<void> {}

  #entry(run: RunId): Entry {
    const entry = this.#entries.get(run);
    if (entry === undefined) throw new LedgerError("notFound", `there is no run ${run}`);
    return entry;
  }

  #living({ owner }: Entry): Owner | null {
    return owner !== null && this.#isAlive(owner) ? owner : null;
  }
}

function matches(index: RunIndex, query: RunsQuery): boolean {
  const tags = new Set([...index.tags, ...index.systemTags]);
  return (
    (query.flow === undefined || index.flow === query.flow) &&
    (query.status === undefined || query.status.includes(index.status)) &&
    (query.user === undefined || index.user === query.user) &&
    (query.within === undefined || index.namespace === query.within) &&
    (query.sinceMs === undefined || index.submittedAtMs >= query.sinceMs) &&
    (query.untilMs === undefined || index.submittedAtMs < query.untilMs) &&
    (query.tags ?? []).every((tag) => tags.has(tag)) &&
    (query.namespace === undefined || query.namespace === null || tags.has(query.namespace))
  );
}

/** @throws LedgerError notFound */
function parseCursor(cursor: string): number {
  if (!/^m\d{1,15}$/.test(cursor)) throw new LedgerError("cursor", `"${cursor}" is not a cursor`);
  return Number(cursor.slice(1));
}
