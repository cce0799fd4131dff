// What is shown of a run as a whole.

import type { StepView, RunSummary, RunView } from "../../proto/view.ts";
import type { RunState, Step } from "./state.ts";
import { statusOf } from "./status.ts";
import { countsOf, quantileOf } from "./tally.ts";
import { tasksOf, totalsOf } from "./total.ts";
import { visibleAfter } from "./visible.ts";

/** Costs the same whatever the size of the run: taken at every append. */
export function summaryOf(state: RunState): RunSummary {
  const { submitted } = state;
  return {
    run: submitted.run,
    flow: submitted.graph.flow,
    status: statusOf(state),
    user: submitted.context.user,
    namespace: submitted.context.namespace,
    tags: state.tags,
    systemTags: submitted.systemTags,
    submittedAtMs: submitted.atMs,
    finishedAtMs: state.finishedAtMs,
    ...(state.collectedAtMs !== null && { collectedAtMs: state.collectedAtMs }),
    originRun: submitted.context.originRun,
    counts: countsOf(state.tally),
  };
}

/** `owner` is the process that drives the run, which the ledger knows. */
export function runView(state: RunState, owner: string | null): RunView {
  const { submitted } = state;
  const totals = totalsOf(state);
  return {
    ...summaryOf(state),
    seq: state.seq,
    graph: submitted.graph,
    codePackage: submitted.codePackage,
    parameters: submitted.parameters,
    secrets: submitted.secrets,
    options: submitted.options,
    startedAtMs: state.startedAtMs,
    steps: Array.from(state.steps.values(), (step) => stepView(state, step, totals.get(step.node.name) ?? null)),
    firstFailure: firstFailureOf(state),
    result: resultOf(state),
    owner,
  };
}

function stepView(state: RunState, step: Step, total: number | null): StepView {
  const { byStatus, durations } = step.tally;
  const open = byStatus.waiting + byStatus.ready + byStatus.running + byStatus.backoff;
  const isOver = state.finishedAtMs !== null || (open === 0 && tasksOf(step) === total);
  return {
    step: step.node.name,
    counts: countsOf(step.tally),
    total,
    startedAtMs: step.startedAtMs,
    finishedAtMs: isOver ? step.finishedAtMs : null,
    p50Ms: quantileOf(durations, 0.5),
    p95Ms: quantileOf(durations, 0.95),
    maxMs: durations.count === 0 ? null : durations.max,
    slowest: durations.largest,
    p95PeakMiB: quantileOf(step.peaks, 0.95),
    outOfMemory: step.outOfMemory,
  };
}

function firstFailureOf(state: RunState): RunView["firstFailure"] {
  for (const { id, state: task } of state.failed) {
    if (task.kind === "failed") return { task: id, attempt: task.attempt, failure: task.failure, atMs: task.atMs };
  }
  return null;
}

function resultOf(state: RunState): RunView["result"] {
  if (statusOf(state) !== "succeeded") return null;
  const last = state.order.findLast((task) => task.step.node.transition.kind === "end");
  return last === undefined ? null : visibleAfter(last);
}
