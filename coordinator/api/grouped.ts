// What is followed, in the groups in which it comes. Where many follow the same, a group is one object for all of them, so that
// what each of them needs done is done once, and costs a step for a group instead of one for each item.

export class Grouped<T> implements AsyncIterable<T> {
  readonly #open: () => AsyncGenerator<readonly T[], void, undefined>;

  constructor(open: () => AsyncGenerator<readonly T[], void, undefined>) {
    this.#open = open;
  }

  groups(): AsyncGenerator<readonly T[], void, undefined> {
    return this.#open();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const group of this.#open()) yield* group;
  }
}

/** Whatever comes one by one is a group of one. */
export function groupsOf<T>(items: AsyncIterable<T>): AsyncGenerator<readonly T[], void, undefined> {
  return items instanceof Grouped ? items.groups() : eachAlone(items);
}

async function* eachAlone<T>(items: AsyncIterable<T>): AsyncGenerator<readonly T[], void, undefined> {
  for await (const item of items) yield [item];
}
