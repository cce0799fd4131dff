// One call for many objects: so many at once, results in their order, the first failure ends all.

import { inOrder } from "../artifact/s3/transfers.ts";

/** Told how many are done, of how many where that is known. `current.progress` is one. */
export type Progress = (done: number, total?: number) => void;

export type ManyOptions<Item, Result> = {
  readonly items: Iterable<Item> | AsyncIterable<Item>;
  readonly atOnce: number;
  readonly progress: Progress | undefined;
  readonly signal: AbortSignal;
  readonly work: (item: Item, signal: AbortSignal) => Promise<Result>;
};

/** When the reader leaves, or one fails, what is under way is ended. */
export async function* many<Item, Result>({ items, atOnce, progress, signal, work }: ManyOptions<Item, Result>): AsyncIterable<Result> {
  const own = new AbortController();
  const both = AbortSignal.any([signal, own.signal]);
  const total = Array.isArray(items) ? items.length : undefined;
  const failures: unknown[] = [];
  let done = 0;
  const results = inOrder(items, atOnce, async (item) => {
    try {
      const result = await work(item, both);
      done += 1;
      progress?.(done, total);
      return result;
    } catch (error) {
      failures.push(error);
      own.abort();
      throw error;
    }
  })[Symbol.asyncIterator]();
  try {
    for (let next = await results.next(); next.done !== true; next = await results.next()) yield next.value;
  } catch (error) {
    // Those that were ended because of it may come first in order.
    throw failures[0] ?? error;
  } finally {
    own.abort();
    await results.return?.();
  }
}
