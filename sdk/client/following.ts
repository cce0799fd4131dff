// What somebody follows keeps the process alive until it ends, also where the next item comes from nobody's socket or
// timer.

const longMs = 2 ** 30;

export async function* following<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  const alive = setInterval(() => undefined, longMs);
  try {
    yield* items;
  } finally {
    clearInterval(alive);
  }
}
