// What a worker still has to say when its stream to the coordinator breaks.
//
// B1. An outcome is kept until it is forgotten, that is until it was accepted or revoked.
// B2. Lines are kept only while there is no stream, up to a limit, and come before the outcomes.

import type { Held, WorkerItem } from "../../sdk/wire/worker-items.ts";

type Lines = WorkerItem & { readonly kind: "logs" };
type Outcome = WorkerItem & { readonly kind: "outcome" };

/** Lines kept for a coordinator that is away; later ones are dropped and counted. Characters. */
const linesCharactersMax = 8 * 1024 * 1024;

export class Outbox {
  readonly #outcomes = new Map<string, Outcome>();
  #lines: Lines[] = [];
  #characters = 0;
  readonly #dropped = new Map<string, { readonly of: Held; lines: number }>();

  keepOutcome(key: string, message: Outcome): void {
    this.#outcomes.set(key, message);
  }

  keepLines(message: Lines): void {
    if (this.#characters >= linesCharactersMax) {
      const key = `${message.of.run}/${message.of.task}/${message.of.attempt}/${message.of.lease}`;
      const dropped = this.#dropped.get(key) ?? { of: message.of, lines: 0 };
      dropped.lines += message.lines.length;
      this.#dropped.set(key, dropped);
      return;
    }
    this.#lines.push(message);
    this.#characters += message.lines.reduce((sum, line) => sum + line.text.length, 0);
  }

  forget(key: string): void {
    this.#outcomes.delete(key);
  }

  holds(key: string): boolean {
    return this.#outcomes.has(key);
  }

  isEmpty(): boolean {
    return this.#outcomes.size === 0;
  }

  held(): readonly Held[] {
    return [...this.#outcomes.values()].map((message) => message.of);
  }

  /** For a new stream, in the order in which it is to be sent. Outcomes stay until they are forgotten. */
  takeAll(): readonly WorkerItem[] {
    const notices = [...this.#dropped.values()].map(({ of, lines }): Lines => ({
      kind: "logs",
      of,
      lines: [{ stream: "system", atMs: Date.now(), text: `stepwell: ${lines} lines were dropped while the worker had no coordinator` }],
    }));
    const all = [...this.#lines, ...notices, ...this.#outcomes.values()];
    this.#lines = [];
    this.#characters = 0;
    this.#dropped.clear();
    return all;
  }
}
