// Makes stdout and stderr of a task process synchronous, so that what a step printed is out before its report, or its death.

/** Node writes to pipes at once only as far as they have room, and loses the rest when the process dies. */
export function printWithoutDelay(): void {
  for (const name of ["stdout", "stderr"] as const) {
    const original = Object.getOwnPropertyDescriptor(process, name);
    if (original?.get === undefined) continue;
    const open = original.get;
    let opened: unknown;
    // Not before it is used: opening both costs a few milliseconds of every start.
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => (opened ??= blocking(open.call(process))) });
  }
}

function blocking(stream: unknown): unknown {
  const handle: unknown = typeof stream === "object" && stream !== null ? Reflect.get(stream, "_handle") : undefined;
  // `setBlocking` of a stream's handle is Node's own way to this, though not in its documentation.
  if (typeof handle === "object" && handle !== null && "setBlocking" in handle && typeof handle.setBlocking === "function")
    handle.setBlocking(true);
  return stream;
}
