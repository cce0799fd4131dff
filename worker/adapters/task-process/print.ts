// Makes stdout and stderr of a task process synchronous, so that what a step printed is out before its report, or its death.

/**
 * Node writes to pipes at once only as far as they have room, and loses the rest when the process dies.
 * Returns those of the two that have been opened so far, each an open handle of the process.
 */
export function printWithoutDelay(): () => readonly object[] {
  const all: object[] = [];
  for (const name of ["stdout", "stderr"] as const) {
    const original = Object.getOwnPropertyDescriptor(process, name);
    if (original?.get === undefined) continue;
    const open = original.get;
    let opened: object | undefined;
    const openNow = (): object => {
      const stream: object = open.call(process);
      makeBlocking(stream);
      all.push(stream);
      return stream;
    };
    // Not before it is used: opening both costs a few milliseconds of every start.
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => (opened ??= openNow()) });
  }
  return () => all;
}

/** `setBlocking` of a stream's handle is Node's own way to this, though not in its documentation. */
function makeBlocking(stream: object): void {
  const handle: unknown = Reflect.get(stream, "_handle");
  if (typeof handle !== "object" || handle === null || !("setBlocking" in handle)) return;
  if (typeof handle.setBlocking === "function") handle.setBlocking(true);
}
