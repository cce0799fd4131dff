// A ledger that its process can be cut off from at any boundary, as `kill -9` does: what was begun may or may not have
// happened, and nobody is told.

import type { RunsQuery, Page } from "../../proto/control.ts";
import type { RecordedEvent, RunEvent } from "../../proto/event.ts";
import type { FlowName, RunId } from "../../proto/ids.ts";
import type { Appended, Beginning, Conflict, Created, Ledger, Owner, RunIndex } from "../../coordinator/ports/ledger.ts";

export type Death = { readonly atAppend: number; readonly when: "before" | "after" };

export class DyingLedger implements Ledger {
  /** Resolves when the moment has come. */
  readonly died: Promise<void>;
  readonly #inner: Ledger;
  readonly #death: Death;
  readonly #announce: () => void;
  #appends = 0;
  #dead = false;
  #buried = false;
  readonly #hanging: ((error: Error) => void)[] = [];

  constructor(inner: Ledger, death: Death) {
    this.#inner = inner;
    this.#death = death;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.died = promise;
    this.#announce = resolve;
  }

  get appends(): number {
    return this.#appends;
  }

  /** What hangs fails, so that the remains of the process can be cleared away. */
  bury(): void {
    this.#dead = true;
    this.#buried = true;
    for (const reject of this.#hanging.splice(0)) reject(new Error("this process is dead"));
  }

  create(
    beginning: Beginning,
    first: (run: RunId) => { readonly events: readonly RunEvent[]; readonly index: RunIndex },
  ): Promise<Created> {
    return this.#alive(() => this.#inner.create(beginning, first));
  }

  submitted(key: string): Promise<RunId | null> {
    return this.#alive(() => this.#inner.submitted(key));
  }

  // oxlint-disable-next-line max-params -- the port has four
  append(run: RunId, after: number, events: readonly RunEvent[], index: RunIndex): Promise<Appended | Conflict> {
    return this.#alive(async () => {
      this.#appends += 1;
      if (this.#appends !== this.#death.atAppend) return this.#inner.append(run, after, events, index);
      this.#dead = true;
      if (this.#death.when === "after") await this.#inner.append(run, after, events, index);
      this.#announce();
      return this.#hang();
    });
  }

  read(run: RunId, afterSeq: number): AsyncIterable<RecordedEvent> {
    return this.#inner.read(run, afterSeq);
  }

  flows(namespace: string | null): Promise<readonly FlowName[]> {
    return this.#alive(() => this.#inner.flows(namespace));
  }

  list(query: RunsQuery): Promise<Page<RunIndex>> {
    return this.#alive(() => this.#inner.list(query));
  }

  claim(run: RunId, owner: Owner): Promise<Owner> {
    return this.#alive(() => this.#inner.claim(run, owner));
  }

  owner(run: RunId): Promise<Owner | null> {
    return this.#alive(() => this.#inner.owner(run));
  }

  release(run: RunId, owner: Owner): Promise<void> {
    return this.#alive(() => this.#inner.release(run, owner));
  }

  async close(): Promise<void> {}

  #alive<T>(act: () => Promise<T>): Promise<T> {
    return this.#dead ? this.#hang() : act();
  }

  #hang<T>(): Promise<T> {
    if (this.#buried) return Promise.reject(new Error("this process is dead"));
    return new Promise((_, reject) => this.#hanging.push(reject));
  }
}
