// Why each waiting task of a run waits: a function of its state and of what is known of the workers and the queue.

import { unreachable } from "../../proto/unreachable.ts";
import { waitExamplesMax, type Beyond, type WaitGroup, type WaitReason } from "../../proto/waits.ts";
import { couldRun, fits, missingLabel, needsOf, type Needs, type Offer, type Room } from "./needs.ts";
import { widthOf, type RunState, type Step, type Task } from "./state.ts";

/** What the coordinator that drives the run knows beyond its state. */
export type Surroundings = {
  /** Connected ones that may take tasks of the run; `free` is what they have left, slots included. */
  readonly workers: readonly (Offer & { readonly free: Room })[];
  /** What is on its way for tasks that need a launched worker; null where nothing is. */
  launching(needs: Needs): WaitReason | null;
  /** Why the queue cannot be reached, since when; null where it can. */
  readonly queue: { readonly sinceMs: number; readonly problem: string } | null;
  /** Tasks of the flow, and of a step of it, that run or are about to, over all runs. */
  readonly ofFlow: number;
  ofStep(step: Step): number;
};

/** In the order of the graph. `surroundings` null: nobody drives the run. */
export function waitsOf(state: RunState, surroundings: Surroundings | null): readonly WaitGroup[] {
  const groups = new Map<string, Group>();
  const reasons = new ReadyReasons(state, surroundings);
  if (state.finishedAtMs !== null) return [];
  for (const task of state.order) {
    const reason = reasonFor(task, state, reasons);
    if (reason === null) continue;
    const key = `${task.step.node.name} ${reason.kind} ${reason.kind === "tooLarge" || reason.kind === "noLabels" ? needsOf(task).key : ""}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { step: task.step, reason, tasks: 1, examples: [task] });
    else add(group, reason, task);
  }
  const order = [...state.steps.values()];
  return [...groups.values()]
    .toSorted((a, b) => order.indexOf(a.step) - order.indexOf(b.step))
    .map(({ step, reason, tasks, examples }) => ({ step: step.node.name, reason, tasks, examples: examples.map(({ id }) => id) }));
}

type Group = { readonly step: Step; reason: WaitReason; tasks: number; readonly examples: Task[] };

function add(group: Group, reason: WaitReason, task: Task): void {
  const { reason: known } = group;
  group.tasks += 1;
  if (group.examples.length < waitExamplesMax) group.examples.push(task);
  if (known.kind === "inputs" && reason.kind === "inputs") {
    group.reason = { kind: "inputs", arrived: known.arrived + reason.arrived, inputs: known.inputs + reason.inputs };
  } else if (known.kind === "backoff" && reason.kind === "backoff" && reason.untilMs < known.untilMs) group.reason = reason;
}

/** Null where the task doesn't wait. */
function reasonFor(task: Task, { stopping }: RunState, reasons: ReadyReasons): WaitReason | null {
  const { state, source } = task;
  switch (state.kind) {
    case "waiting":
      if (stopping !== null) return { kind: "stopping", by: stopping.by };
      if (source.kind !== "split") return null;
      return { kind: "inputs", arrived: source.split.arrived, inputs: widthOf(source.split.fan) };
    case "backoff":
      return reasons.driven ? { kind: "backoff", untilMs: state.dueMs } : { kind: "interrupted" };
    case "ready":
      return reasons.of(task);
    case "running":
    case "succeeded":
    case "failed":
    case "cancelled":
      return null;
    default:
      return unreachable(state);
  }
}

/** Found once for all tasks of a step that need the same: a foreach may have 100,000 ready ones. */
class ReadyReasons {
  readonly driven: boolean;
  readonly #state: RunState;
  readonly #surroundings: Surroundings | null;
  readonly #byStep = new Map<Step, Map<string, WaitReason>>();

  constructor(state: RunState, surroundings: Surroundings | null) {
    this.#state = state;
    this.#surroundings = surroundings;
    this.driven = surroundings !== null;
  }

  of(task: Task): WaitReason {
    if (this.#surroundings === null) return { kind: "interrupted" };
    const needs = needsOf(task);
    const byNeeds = this.#byStep.get(task.step) ?? new Map<string, WaitReason>();
    this.#byStep.set(task.step, byNeeds);
    const known = byNeeds.get(needs.key);
    if (known !== undefined) return known;
    const reason = reasonOfReady(this.#state, { step: task.step, needs }, this.#surroundings);
    byNeeds.set(needs.key, reason);
    return reason;
  }
}

/** What would have to change first comes first: other workers, the queue, room on these workers, a limit. */
function reasonOfReady(state: RunState, { step, needs }: { readonly step: Step; readonly needs: Needs }, around: Surroundings): WaitReason {
  const unplaceable = unplaceableOf(around.workers, needs);
  if (unplaceable !== null) return around.launching(needs) ?? unplaceable;
  if (around.queue !== null) return { kind: "queue", ...around.queue };
  const fitting = around.workers.filter((worker) => couldRun(worker, needs));
  const hasRoom = fitting.some(({ unbounded, free }) => free.slots > 0 && (unbounded || fits(free, needs)));
  const { graph, options } = state.submitted;
  if (!hasRoom) return { kind: "busy", workers: fitting.length };
  const { concurrencyMax: stepMax } = step.node.policy;
  if (stepMax !== undefined && around.ofStep(step) >= stepMax) return { kind: "stepLimit", max: stepMax };
  if (graph.concurrencyMax !== undefined && around.ofFlow >= graph.concurrencyMax) return { kind: "flowLimit", max: graph.concurrencyMax };
  if (state.running.size >= options.workersMax) return { kind: "runLimit", max: options.workersMax };
  return { kind: "turn" };
}

function unplaceableOf(workers: Surroundings["workers"], needs: Needs): WaitReason | null {
  if (workers.some((worker) => couldRun(worker, needs))) return null;
  const inPool = workers.filter(({ pool }) => pool === needs.pool);
  if (inPool.length === 0) return { kind: "noWorker", pool: needs.pool };
  const labelled = inPool.filter(({ labels }) => missingLabel(labels, needs) === null);
  if (labelled.length > 0) return { kind: "tooLarge", beyond: beyond(labelled, needs) };
  const lacking = needs.labels.filter(([name, value]) => inPool.every(({ labels }) => labels[name] !== value));
  return { kind: "noLabels", pool: needs.pool, lacking: lacking.map(([name, value]) => `${name}=${value}`) };
}

function beyond(workers: Surroundings["workers"], needs: Needs): readonly Beyond[] {
  const sizes = [
    { resource: "cpu", asks: needs.cpu, largest: Math.max(...workers.map(({ total }) => total.cpu)) },
    { resource: "memory", asks: needs.memoryMiB, largest: Math.max(...workers.map(({ total }) => total.memoryMiB)) },
    { resource: "gpu", asks: needs.gpu, largest: Math.max(...workers.map(({ total }) => total.gpu)) },
  ] as const;
  return sizes.filter(({ asks, largest }) => asks > largest);
}
