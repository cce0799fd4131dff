// A run as one JSON document: what `--json` prints when it has ended, and what `status` prints.

import { describeFailure } from "../../proto/failure.ts";
import type { ListedRun, RunSummary, RunView, StepView } from "../../proto/view.ts";
import { formatInstant, formatInstantOrNull } from "../format/time.ts";

function summaryDocument(run: RunSummary): Record<string, unknown> {
  const { finishedAtMs, submittedAtMs } = run;
  return {
    run: run.run,
    status: run.status,
    flow: run.flow,
    user: run.user,
    namespace: run.namespace,
    tags: run.tags,
    systemTags: run.systemTags,
    originRun: run.originRun,
    submittedAt: formatInstant(submittedAtMs),
    finishedAt: formatInstantOrNull(finishedAtMs),
    durationSeconds: finishedAtMs === null ? null : (finishedAtMs - submittedAtMs) / 1000,
    tasks: run.counts,
  };
}

/** A line of the list of runs: an unfinished run without an owner has been interrupted. */
export function listedDocument(run: ListedRun): Record<string, unknown> {
  return { ...summaryDocument(run), owner: run.owner };
}

export function runDocument(view: RunView): Record<string, unknown> {
  return { ...summaryDocument(view), failure: firstFailureDocument(view) };
}

export function statusDocument(view: RunView): Record<string, unknown> {
  return { ...runDocument(view), codePackage: view.codePackage, seq: view.seq, owner: view.owner, steps: view.steps.map(stepDocument) };
}

function firstFailureDocument(view: RunView): unknown {
  const first = view.firstFailure;
  if (first === null) return null;
  const { failure } = first;
  return {
    task: `${view.run}/${first.task}`,
    attempt: first.attempt,
    at: formatInstant(first.atMs),
    kind: failure.kind,
    message: describeFailure(failure),
    location: failure.kind === "userError" ? failure.place : null,
  };
}

function stepDocument(step: StepView): Record<string, unknown> {
  return {
    step: step.step,
    tasks: step.counts,
    total: step.total,
    startedAt: formatInstantOrNull(step.startedAtMs),
    finishedAt: formatInstantOrNull(step.finishedAtMs),
    p50Ms: step.p50Ms,
    p95Ms: step.p95Ms,
    maxMs: step.maxMs,
    slowest: step.slowest,
    p95PeakMiB: step.p95PeakMiB,
    outOfMemory: step.outOfMemory,
  };
}
