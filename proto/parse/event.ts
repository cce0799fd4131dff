// The parser of a run's events, as a ledger gives them back.

import type { ReusedTask, RunEvent, RunOptions } from "../event.ts";
import {
  arrayOf,
  boolean,
  count,
  kind,
  nullable,
  number,
  object,
  oneOf,
  optional,
  root,
  string,
  union,
  type Parser,
} from "./combinators.ts";
import { runContext, taken, usage } from "./task.ts";
import { artifacts, failure, flowGraph, runId, sha256, taskId } from "./values.ts";

export const runOptions: Parser<RunOptions> = object<RunOptions>({
  failFast: boolean,
  splitsMax: count,
  workersMax: count,
  isolation: oneOf("warm", "process"),
  lossesMax: count,
  priority: optional(number),
  placement: optional(oneOf("batch")),
});

const reusedTask = object<ReusedTask>({ task: taskId, origin: runId, attempt: count, taken, artifacts, caught: nullable(failure) });
const atMs = number;
const held = { task: taskId, attempt: count, lease: count };
const asked = { by: string, key: optional(string) };

/** @throws ParseError */
export const parseRunEvent: Parser<RunEvent> = root(
  "event",
  union<RunEvent>({
    runSubmitted: object({
      kind,
      atMs,
      run: runId,
      graph: flowGraph,
      codePackage: sha256,
      parameters: artifacts,
      secrets: arrayOf(string),
      options: runOptions,
      context: runContext,
      systemTags: arrayOf(string),
    }),
    tasksReused: object({ kind, atMs, tasks: arrayOf(reusedTask) }),
    runStarted: object({ kind, atMs }),
    taskStarted: object({ kind, atMs, ...held, worker: string, token: optional(string) }),
    taskSucceeded: object({ kind, atMs, ...held, taken, artifacts, usage }),
    taskFailed: object({ kind, atMs, ...held, failure, artifacts, usage: nullable(usage), retryAfterMs: optional(count) }),
    retryDue: object({ kind, atMs, task: taskId, attempt: count }),
    cancelRequested: object({ kind, atMs, ...asked }),
    retryRequested: object({ kind, atMs, ...asked, tasks: nullable(arrayOf(taskId)) }),
    tagsChanged: object({ kind, atMs, ...asked, add: arrayOf(string), remove: arrayOf(string) }),
    artifactsCollected: object({ kind, atMs, by: string }),
  }),
);
