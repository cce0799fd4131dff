// Takes items from their source as fast as they come, and keeps them for a reader who may be slower: so the source can be
// waited for and closed without waiting for the reader.

export class Pump<T> {
  /** Settles when the source has given all it has, or nobody reads any more. Never rejects: its error is the reader's. */
  readonly ended: Promise<void>;
  #waiting: T[] = [];
  #wake: () => void = () => undefined;
  #state: { readonly kind: "flowing" | "dry" | "left" } | { readonly kind: "broken"; readonly error: unknown } = { kind: "flowing" };

  constructor(source: AsyncIterable<T>) {
    this.ended = this.#run(source);
  }

  async *read(): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const items = this.#waiting;
        this.#waiting = [];
        yield* items;
        if (this.#waiting.length > 0) continue;
        if (this.#state.kind === "broken") throw this.#state.error;
        if (this.#state.kind !== "flowing") return;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      if (this.#state.kind === "flowing") this.#state = { kind: "left" };
    }
  }

  async #run(source: AsyncIterable<T>): Promise<void> {
    try {
      for await (const item of source) {
        if (this.#state.kind !== "flowing") return;
        this.#waiting.push(item);
        this.#wake();
      }
      this.#state = { kind: "dry" };
    } catch (error) {
      this.#state = { kind: "broken", error };
    }
    this.#wake();
  }
}
