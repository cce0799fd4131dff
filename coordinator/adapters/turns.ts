// Lets long synchronous work share the event loop with everything else that the process does.

/** How long work may hold the event loop in one go. */
const workMs = 2;

export class Turns {
  #sinceMs = performance.now();

  /** Call between two pieces of work: waits for the others' turn when this work has had its time. */
  async share(): Promise<void> {
    if (performance.now() - this.#sinceMs < workMs) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#sinceMs = performance.now();
  }
}
