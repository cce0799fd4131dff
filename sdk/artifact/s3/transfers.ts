// Bounds how many bytes of large blobs are on their way at once, over all readers and writers of a store.
//
// T1. Who waits holds nothing of the budget, so that nobody can wait for ever.
// T2. First come, first served: a large transfer is not overtaken by small ones for ever.

export class Transfers {
  readonly #bytesMax: number;
  #bytes = 0;
  readonly #waiting: { readonly bytes: number; readonly start: () => void }[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  async run<Result>(bytes: number, transfer: () => Promise<Result>): Promise<Result> {
    return (await this.start(bytes, transfer)).done;
  }

  /** Resolves once the transfer has begun; `done` is its result. */
  async start<Result>(bytes: number, transfer: () => Promise<Result>): Promise<{ readonly done: Promise<Result> }> {
    await this.#acquire(bytes);
    const done = transfer().finally(() => {
      this.#bytes -= bytes;
      this.#startNext();
    });
    return { done };
  }

  #fits(bytes: number): boolean {
    // One that is larger than the whole budget goes alone.
    return this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax;
  }

  #acquire(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#bytes += bytes;
      return Promise.resolve();
    }
    return new Promise((start) => void this.#waiting.push({ bytes, start }));
  }

  #startNext(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#bytes += next.bytes;
      next.start();
    }
  }
}

/**
 * Results in the order of the items, of which at most `countMax` are in work or finished and not taken yet. When the reader
 * leaves or one fails, those in work are waited for.
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  countMax: number,
  work: (item: Item) => Promise<Result>,
): AsyncIterable<Result> {
  const started: Promise<Result>[] = [];
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let more = true;
  /** Whether there was one. */
  const startNext = async (): Promise<boolean> => {
    const next = await iterator.next();
    if (next.done === true) return false;
    const result = work(next.value);
    // It is awaited below; until then a failure must not count as one that nobody handles.
    result.catch(() => {});
    started.push(result);
    return true;
  };
  try {
    while (more && started.length < countMax) more = await startNext();
    for (let first = started.shift(); first !== undefined; first = started.shift()) {
      const result = await first;
      if (more) more = await startNext();
      yield result;
    }
  } finally {
    await Promise.allSettled(started);
    if (more) await iterator.return?.();
  }
}
