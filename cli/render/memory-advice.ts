// What a step should ask for, from what its attempts held: told where it ran out of memory, or asks for much more than it needs.

import type { RunView, StepView } from "../../proto/view.ts";

/** Asked for beyond this share of what is needed, other tasks wait for nothing. */
const muchMore = 2;
/** What is not worth a line. MiB. */
const littleMiB = 256;
/** Sizes that people write: multiples of so many MiB, up to the first number. */
const stepsMiB: readonly (readonly [upToMiB: number, stepMiB: number])[] = [
  [1024, 64],
  [8192, 256],
  [Number.POSITIVE_INFINITY, 1024],
];

export function memoryAdvice(view: RunView): readonly string[] {
  return view.steps.flatMap((step) => {
    const resources = view.graph.steps.find((node) => node.name === step.step)?.policy.resources;
    const line = resources === undefined ? null : adviceFor(step, resources.memoryMiB);
    return line === null ? [] : [line];
  });
}

function adviceFor({ step, p95PeakMiB, outOfMemory }: StepView, askedMiB: number | null): string | null {
  const neededMiB = p95PeakMiB === null ? null : roundedUp(p95PeakMiB);
  if (outOfMemory > 0) {
    const leastMiB = askedMiB === null ? null : 2 * askedMiB;
    const suggestedMiB = leastMiB === null ? neededMiB : neededMiB === null || neededMiB <= (askedMiB ?? 0) ? leastMiB : neededMiB;
    const times = outOfMemory === 1 ? "once" : `${outOfMemory} times`;
    if (suggestedMiB === null) return `${step} ran out of memory ${times}: say what it needs with @resources({ memory })`;
    return `${step} ran out of memory ${times}: try @resources({ memory: ${suggestedMiB} })`;
  }
  if (askedMiB === null || neededMiB === null || p95PeakMiB === null) return null;
  if (askedMiB < muchMore * neededMiB || askedMiB - neededMiB < littleMiB) return null;
  return `${step} asks for ${askedMiB} MiB and held at most ${p95PeakMiB} (95 % of its tasks): @resources({ memory: ${neededMiB} }) would do`;
}

function roundedUp(mebibytes: number): number {
  const step = stepsMiB.find(([upTo]) => mebibytes <= upTo)?.[1] ?? 1;
  return Math.ceil(mebibytes / step) * step;
}
