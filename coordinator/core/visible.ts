// Which artifacts a place in the run sees. A task records what it set; what it passed on is found by looking back.
//
// V1. Looking back is bounded: a task that splits, and every sixteenth of a chain, remembers all that is visible after it.
// V2. Nothing is seen through a join but what the join set or merged; an empty foreach's join sees what its opener saw.
// V3. A card is seen at its own task only.

import { cardArtifact, sameValue, type ArtifactRef, type Artifacts } from "../../proto/artifact.ts";
import type { JoinInput } from "../../proto/order.ts";
import type { Split, Task } from "./state.ts";

const linksBetweenLandmarks = 16;
const nothing: Artifacts = {};

export function producedBy(task: Task): Artifacts {
  return task.state.kind === "succeeded" ? task.state.produced : nothing;
}

/** What a task set for others to see. (V3) */
function passedOnBy(task: Task): Artifacts {
  const produced = producedBy(task);
  if (!Object.hasOwn(produced, cardArtifact)) return produced;
  const { [cardArtifact]: _card, ...others } = produced;
  return others;
}

/** Everything that tasks after one that has succeeded may see of it. */
export function visibleAfter(task: Task): Artifacts {
  const back: Task[] = [];
  let at: Task | null = task;
  while (at !== null && at.visible === null) {
    back.push(at);
    at = seenThrough(at);
  }
  let seen = at?.visible ?? nothing;
  for (const passed of back.reverse()) {
    seen = laid(seen, passedOnBy(passed));
    if (isLandmark(passed)) passed.visible = seen;
  }
  return seen;
}

/** The task whose artifacts this one sees besides its own (V2). */
function seenThrough({ source }: Task): Task | null {
  if (source.kind === "task") return source.task;
  return source.kind === "split" && source.split.arrivals.length === 0 ? source.split.opener : null;
}

function isLandmark(task: Task): boolean {
  return task.step.closer !== null || task.links % linksBetweenLandmarks === linksBetweenLandmarks - 1;
}

function laid(below: Artifacts, above: Artifacts): Artifacts {
  if (isEmpty(above)) return below;
  return isEmpty(below) ? above : { ...below, ...above };
}

function isEmpty(artifacts: Artifacts): boolean {
  for (const _ in artifacts) return false;
  return true;
}

/** Everything that belongs to a task that has succeeded: what is visible after it, and its card. */
export function visibleAt(task: Task): Artifacts {
  const seen = visibleAfter(task);
  const card = producedBy(task)[cardArtifact];
  return card === undefined ? seen : { ...seen, [cardArtifact]: card };
}

/** The inputs of a join against what its split's opener saw, so that a value that they share travels once. */
export function joinInputsOf(split: Split, base: Artifacts): JoinInput[] {
  return split.arrivals.map((arrival, slot) => {
    if (arrival === null) throw new Error(`slot ${slot} of the split by ${split.opener.id} has not arrived`);
    const { own, cut } = ownSince(arrival, split.opener);
    const missing = cut ? Object.keys(base).filter((name) => !Object.hasOwn(own, name)) : [];
    const branch = split.fan.kind === "foreach" ? split.fan.to : (split.fan.to[slot] ?? split.fan.to[0]);
    if (branch === undefined) throw new Error(`the split by ${split.opener.id} has no branch ${slot}`);
    return { task: arrival.id, branch, own: unlike(own, base), missing };
  });
}

/** What was set between the opener and the arrival; `cut` where a join in between hides what was before. */
function ownSince(arrival: Task, opener: Task): { readonly own: Artifacts; readonly cut: boolean } {
  const back: Task[] = [];
  let at: Task | null = arrival;
  while (at !== null && at !== opener) {
    back.push(at);
    at = seenThrough(at);
  }
  let own = nothing;
  for (const passed of back.reverse()) own = laid(own, passedOnBy(passed));
  return { own, cut: at === null };
}

function unlike(own: Artifacts, base: Artifacts): Artifacts {
  const names = Object.keys(own);
  const same = (name: string): boolean => isSame(own[name], Object.hasOwn(base, name) ? base[name] : undefined);
  if (!names.some(same)) return own;
  return Object.fromEntries(Object.entries(own).filter(([name]) => !same(name)));
}

function isSame(a: ArtifactRef | undefined, b: ArtifactRef | undefined): boolean {
  return a !== undefined && b !== undefined && sameValue(a, b);
}
