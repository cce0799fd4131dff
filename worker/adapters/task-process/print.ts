// Makes stdout and stderr of a task process synchronous, so that what a step printed is out before its report, or its death.

/**
 * Node writes to pipes at once only as far as they have room, and loses the rest when the process dies.
 * Returns how many of the two have been opened so far, each an open handle of the process.
 */
export function printWithoutDelay(): () => number {
  let openedCount = 0;
  for (const name of ["stdout", "stderr"] as const) {
    const original = Object.getOwnPropertyDescriptor(process, name);
    if (original?.get === undefined) continue;
    const open = original.get;
    let opened: unknown;
    const openNow = (): unknown => {
      openedCount += 1;
      return blocking(open.call(process));
    };
    // Not before it is used: opening both costs a few milliseconds of every start.
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => (opened ??= openNow()) });
  }
  return () => openedCount;
}

function blocking(stream: unknown): unknown {
  const handle: unknown = typeof stream === "object" && stream !== null ? Reflect.get(stream, "_handle") : undefined;
  // `setBlocking` of a stream's handle is Node's own way to this, though not in its documentation.
  if (typeof handle === "object" && handle !== null && "setBlocking" in handle && typeof handle.setBlocking === "function")
    handle.setBlocking(true);
  return stream;
}
