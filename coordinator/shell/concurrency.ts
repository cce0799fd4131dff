// How many tasks of a flow, and of each of its steps, run or are about to: over all runs of the flow that are driven here.

import type { FlowName, StepName } from "../../proto/ids.ts";

/** `waiting` are called once there is room again. */
class Running {
  count = 0;
  /** Those who will count tasks in it. */
  users = 0;
  readonly #waiting = new Set<() => void>();

  await(woken: () => void): void {
    this.#waiting.add(woken);
  }

  forget(woken: () => void): void {
    this.#waiting.delete(woken);
  }

  leave(): void {
    this.count -= 1;
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const woken of waiting) woken();
  }
}

/** What a task is counted in. */
export type Counted = { readonly flow: Running; readonly step: Running };

type Flow = { readonly flow: Running; readonly steps: Map<StepName, Running> };

export class Concurrency {
  readonly #flows = new Map<FlowName, Flow>();

  ofFlow(name: FlowName): number {
    return this.#flows.get(name)?.flow.count ?? 0;
  }

  ofStep(name: FlowName, step: StepName): number {
    return this.#flows.get(name)?.steps.get(step)?.count ?? 0;
  }

  /** For tasks that are counted at once, or by who uses it. */
  of(name: FlowName, step: StepName): Counted {
    let flow = this.#flows.get(name);
    if (flow === undefined) {
      this.#forgetUnused();
      this.#flows.set(name, (flow = { flow: new Running(), steps: new Map() }));
    }
    let counted = flow.steps.get(step);
    if (counted === undefined) flow.steps.set(step, (counted = new Running()));
    return { flow: flow.flow, step: counted };
  }

  /** From now on it is the one that everybody is given, until `release`. */
  use(name: FlowName, step: StepName): Counted {
    const counted = this.of(name, step);
    counted.flow.users += 1;
    return counted;
  }

  release({ flow }: Counted): void {
    flow.users -= 1;
  }

  /** Names of flows that nobody runs any more. */
  #forgetUnused(): void {
    for (const [name, { flow }] of this.#flows) if (flow.users === 0 && flow.count === 0) this.#flows.delete(name);
  }
}

export function enter({ flow, step }: Counted): void {
  flow.count += 1;
  step.count += 1;
}

export function leave({ flow, step }: Counted): void {
  step.leave();
  flow.leave();
}
