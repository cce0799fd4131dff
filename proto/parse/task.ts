// Parsers of what a coordinator and a worker tell each other about an attempt.

import type { ForeachFrame, JoinInput, RunContext, TakenTransition, TaskInputs, TaskOrder, TaskOutcome, Usage } from "../order.ts";
import {
  arrayOf,
  boolean,
  count,
  kind,
  nullable,
  number,
  object,
  oneOf,
  recordOf,
  root,
  string,
  union,
  type Parser,
} from "./combinators.ts";
import { artifacts, element, elements, failure, flowName, runId, sha256, stepName, taskId } from "./values.ts";

export const usage: Parser<Usage> = object<Usage>({ startedAtMs: number, finishedAtMs: number, cpuMs: number, peakMiB: number });

export const taken: Parser<TakenTransition> = union<TakenTransition>({
  end: object({ kind }),
  linear: object({ kind, to: stepName }),
  branch: object({ kind, to: arrayOf(stepName) }),
  foreach: object({ kind, to: stepName, elements }),
  switch: object({ kind, value: string, to: stepName }),
});

export const runContext: Parser<RunContext> = object<RunContext>({
  tags: arrayOf(string),
  namespace: string,
  user: string,
  originRun: nullable(runId),
});

/** @throws ParseError */
export const parseTaskOutcome: Parser<TaskOutcome> = root(
  "outcome",
  union<TaskOutcome>({
    succeeded: object({ kind, taken, artifacts, usage }),
    failed: object({ kind, failure, artifacts, usage }),
  }),
);

const joinInput = object<JoinInput>({ task: taskId, branch: stepName, own: artifacts, missing: arrayOf(string) });

const inputs = union<TaskInputs>({
  single: object({ kind, artifacts }),
  join: object({ kind, split: oneOf("foreach", "branch"), base: artifacts, inputs: arrayOf(joinInput), elements: nullable(elements) }),
});

/** @throws ParseError */
export const parseTaskOrder: Parser<TaskOrder> = root(
  "order",
  object<TaskOrder>({
    run: runId,
    flow: flowName,
    task: taskId,
    step: stepName,
    attempt: count,
    lease: count,
    codePackage: sha256,
    frames: arrayOf(object<ForeachFrame>({ step: stepName, index: count, count, element })),
    inputs,
    parameters: artifacts,
    secrets: arrayOf(string),
    keepOnFailure: boolean,
    catchVar: nullable(string),
    timeoutSeconds: nullable(number),
    isolated: boolean,
    environment: recordOf(string),
    memoryMiB: nullable(number),
    context: runContext,
  }),
);
