// Waiting for what another process does with a run, for as long as there is one.

import { ControlError } from "../../proto/control.ts";
import type { RunId } from "../../proto/ids.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { Drivers } from "../shell/drivers.ts";

/** How often a run that another process drives is looked at. Milliseconds. */
const pollMs = 100;
/** A run without an owner may just be taken up again; when it still has none so much later, nobody is at it. Milliseconds. */
const takenUpWithinMs = 2000;

type Ports = { readonly ledger: Ledger; readonly clock: Clock; readonly drivers: Drivers };

export class Elsewhere {
  readonly #ports: Ports;
  readonly #run: RunId;
  /** When it was first seen without an owner, on the monotonic clock; null while it has one. */
  #aloneSinceMs: number | null = null;

  constructor(ports: Ports, run: RunId) {
    this.#ports = ports;
    this.#run = run;
  }

  /** Until it is worth looking at the unfinished run again. @throws ControlError unavailable when nobody drives it any more */
  async wait(): Promise<void> {
    const { ledger, clock, drivers } = this.#ports;
    const driven = drivers.isAdopting(this.#run) || drivers.get(this.#run) !== undefined || (await ledger.owner(this.#run)) !== null;
    const nowMs = clock.monotonicMs();
    this.#aloneSinceMs = driven ? null : (this.#aloneSinceMs ?? nowMs);
    if (this.#aloneSinceMs !== null && nowMs - this.#aloneSinceMs >= takenUpWithinMs) {
      const message = `the process that ran ${this.#run} is gone; go on with it: stepwell resume --in-place ${this.#run}`;
      throw new ControlError("unavailable", message);
    }
    await this.pause();
  }

  pause(): Promise<void> {
    return new Promise((resolve) => this.#ports.clock.after(pollMs, resolve));
  }
}
