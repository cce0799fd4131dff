// Brings the lines of many attempts into the order of time, holding only those attempts in memory that overlap.
// Invariants: M1. lines of one attempt keep their order, whatever their clocks say. M2. equal times keep the order of the
// sources given. M3. a source is opened only once the merge has come to its first line.

import type { LogLine } from "../../proto/view.ts";

export type LogSource = { readonly firstMs: number; readonly open: () => AsyncIterator<LogLine> };

type Head = { readonly source: number; readonly timeMs: number; readonly line: LogLine; readonly lines: AsyncIterator<LogLine> };
type Waiting = { readonly source: number; readonly timeMs: number; readonly open: () => AsyncIterator<LogLine> };

export async function* mergeByTime(sources: readonly LogSource[]): AsyncGenerator<LogLine, void, undefined> {
  const waiting: Waiting[] = sources.map(({ firstMs, open }, source) => ({ source, timeMs: firstMs, open })).sort(byTime);
  const heads = new Heap<Head>(byTime);
  let opened = 0;
  for (;;) {
    for (let next = waiting[opened]; next !== undefined && isNext(next, heads.peek()); next = waiting[opened]) {
      opened++;
      await pushNext(heads, { source: next.source, timeMs: next.timeMs, lines: next.open() });
    }
    const head = heads.pop();
    if (head === undefined) return;
    yield head.line;
    await pushNext(heads, head);
  }
}

function isNext(waiting: Waiting, head: Head | undefined): boolean {
  return head === undefined || byTime(waiting, head) <= 0;
}

async function pushNext(heads: Heap<Head>, from: Pick<Head, "source" | "timeMs" | "lines">): Promise<void> {
  const { source, timeMs, lines } = from;
  const next = await lines.next();
  if (next.done !== true) heads.push({ source, timeMs: Math.max(timeMs, next.value.atMs), line: next.value, lines }); // M1
}

function byTime(a: { readonly timeMs: number; readonly source: number }, b: { readonly timeMs: number; readonly source: number }): number {
  return a.timeMs - b.timeMs || a.source - b.source;
}

/** A binary heap: the least item is on top. */
class Heap<T> {
  readonly #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    let at = this.#items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfLess(at, parent)) return;
      at = parent;
    }
  }

  pop(): T | undefined {
    const [top] = this.#items;
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return top;
    this.#items[0] = last;
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const child = right < this.#items.length && this.#isLess(right, left) ? right : left;
      if (child >= this.#items.length || !this.#swapIfLess(child, at)) return top;
      at = child;
    }
  }

  #isLess(a: number, b: number): boolean {
    const [x, y] = [this.#items[a], this.#items[b]];
    return x !== undefined && y !== undefined && this.#compare(x, y) < 0;
  }

  #swapIfLess(child: number, parent: number): boolean {
    const [x, y] = [this.#items[child], this.#items[parent]];
    if (x === undefined || y === undefined || this.#compare(x, y) >= 0) return false;
    this.#items[child] = y;
    this.#items[parent] = x;
    return true;
  }
}
