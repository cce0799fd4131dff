// What a worker still has to say when its stream to the coordinator breaks.
//
// B1. An outcome is kept until it is forgotten, that is until it was accepted or revoked.
// B2. Lines are numbered within their attempt and kept until the coordinator has them for good, so that what was on its way
//     when a stream broke is sent again, and known again. They come before the outcomes.
// B3. What is kept is bounded: of lines that were sent the oldest go first, and without a stream the newest are dropped and
//     counted before they have a number.

import type { Held, LogText, WorkerItem } from "../../sdk/wire/worker-items.ts";

type Lines = Extract<WorkerItem, { kind: "logs" }>;
type Outcome = Extract<WorkerItem, { kind: "outcome" }>;

/** Lines kept for a coordinator that is away, or has not confirmed them. Characters. */
const linesCharactersMax = 8 * 1024 * 1024;
/** What a line costs beside its characters. */
const lineCharacters = 64;

type Printed = { readonly of: Held; next: number; kept: Lines[]; dropped: number };

export class Outbox {
  readonly #outcomes = new Map<string, Outcome>();
  readonly #printed = new Map<string, Printed>();
  #characters = 0;

  keepOutcome(message: Outcome): void {
    this.#outcomes.set(keyOf(message.of), message);
  }

  /** The message to send; null where the lines had to be dropped. `sent`: there is a stream that takes it now. */
  keepLines(of: Held, lines: readonly LogText[], sent: boolean): Lines | null {
    const key = keyOf(of);
    const printed = this.#printed.get(key) ?? { of, next: 0, kept: [], dropped: 0 };
    this.#printed.set(key, printed);
    if (!sent && this.#characters >= linesCharactersMax) {
      printed.dropped += lines.length;
      return null;
    }
    const message = numbered(printed, lines);
    this.#keep(printed, message);
    if (sent) while (this.#characters > linesCharactersMax) this.#dropOldest(printed);
    return message;
  }

  /** The coordinator has the attempt's first so many. */
  linesKept(of: Held, count: number): void {
    const printed = this.#printed.get(keyOf(of));
    if (printed === undefined) return;
    const first = printed.kept.findIndex(({ from, lines }) => from + lines.length > count);
    this.#discard(printed, first === -1 ? printed.kept.length : first);
  }

  forget(of: Held): void {
    const key = keyOf(of);
    this.#outcomes.delete(key);
    const printed = this.#printed.get(key);
    if (printed === undefined) return;
    this.#discard(printed, printed.kept.length);
    this.#printed.delete(key);
  }

  holds(of: Held): boolean {
    return this.#outcomes.has(keyOf(of));
  }

  isEmpty(): boolean {
    return this.#outcomes.size === 0;
  }

  held(): readonly Held[] {
    return [...this.#outcomes.values()].map((message) => message.of);
  }

  /** For a new stream, in the order in which it is to be sent. All of it stays until it is forgotten. */
  all(): readonly WorkerItem[] {
    for (const printed of this.#printed.values()) if (printed.dropped > 0) this.#tellDropped(printed);
    return [...Array.from(this.#printed.values(), ({ kept }) => kept).flat(), ...this.#outcomes.values()];
  }

  #tellDropped(printed: Printed): void {
    const text = `stepwell: ${printed.dropped} lines were dropped while the worker had no coordinator`;
    printed.dropped = 0;
    this.#keep(printed, numbered(printed, [{ stream: "system", atMs: Date.now(), text }]));
  }

  #keep(printed: Printed, message: Lines): void {
    printed.kept.push(message);
    this.#characters += costOf(message);
  }

  /** Of the attempt that prints, or where it keeps nothing else, of any. */
  #dropOldest(printed: Printed): void {
    const from = printed.kept.length > 1 ? printed : ([...this.#printed.values()].find(({ kept }) => kept.length > 0) ?? printed);
    this.#discard(from, 1);
  }

  #discard(printed: Printed, count: number): void {
    for (const message of printed.kept.splice(0, count)) this.#characters -= costOf(message);
  }
}

export function keyOf(held: Held): string {
  return `${held.run}/${held.task}/${held.attempt}/${held.lease}`;
}

function numbered(printed: Printed, lines: readonly LogText[]): Lines {
  const { of, next: from } = printed;
  printed.next += lines.length;
  return { kind: "logs", of, from, lines };
}

function costOf({ lines }: Lines): number {
  return lines.reduce((sum, line) => sum + line.text.length + lineCharacters, 0);
}
