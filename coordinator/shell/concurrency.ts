// How many tasks of a flow, and of each of its steps, run or are about to: over all runs of the flow that are driven here.

import type { FlowName, StepName } from "../../proto/ids.ts";

/** `waiting` are called once there is room again. */
export class Running {
  count = 0;
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

export class Concurrency {
  readonly #flows = new Map<FlowName, { readonly flow: Running; readonly steps: Map<StepName, Running> }>();

  ofFlow(name: FlowName): number {
    return this.#flows.get(name)?.flow.count ?? 0;
  }

  of(name: FlowName, step: StepName): Counted {
    let flow = this.#flows.get(name);
    if (flow === undefined) this.#flows.set(name, (flow = { flow: new Running(), steps: new Map() }));
    let counted = flow.steps.get(step);
    if (counted === undefined) flow.steps.set(step, (counted = new Running()));
    return { flow: flow.flow, step: counted };
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
