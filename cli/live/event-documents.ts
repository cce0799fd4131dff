// `-o jsonl`: a JSON object for each event of a run and each line that a task wrote.

import type { RecordedEvent } from "../../proto/event.ts";
import { describeFailure, type Failure } from "../../proto/failure.ts";
import { flowOf, type RunId } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { LogLine, RunView } from "../../proto/view.ts";
import { formatInstant } from "../format/time.ts";
import type { Change } from "./progress.ts";
import { runDocument } from "../render/run-document.ts";

/** Values of artifacts and source code don't ride along: they have commands of their own. */
export function eventDocument(run: RunId, { seq, event }: RecordedEvent, change: Change | null): object {
  const common = { seq, at: formatInstant(event.atMs) };
  switch (event.kind) {
    case "runSubmitted":
      return {
        event: "run.submitted",
        pathspec: run,
        ...common,
        flow: flowOf(run),
        originRun: event.context.originRun,
        user: event.context.user,
        tags: event.context.tags,
      };
    case "tasksReused":
      return { event: "tasks.reused", pathspec: run, ...common, tasks: event.tasks.map(({ task, origin }) => ({ task, origin })) };
    case "runStarted":
      return { event: "run.started", pathspec: run, ...common };
    case "taskStarted":
      return { event: "task.started", pathspec: `${run}/${event.task}`, attempt: event.attempt, ...common, worker: event.worker };
    case "taskSucceeded":
      return { event: "task.succeeded", pathspec: `${run}/${event.task}`, attempt: event.attempt, ...common, usage: event.usage };
    case "taskFailed":
      return {
        event: "task.failed",
        pathspec: `${run}/${event.task}`,
        attempt: event.attempt,
        ...common,
        failure: failureDocument(event.failure),
        outcome: change === null ? null : outcomeOf(change),
      };
    case "retryDue":
      return { event: "task.retryDue", pathspec: `${run}/${event.task}`, attempt: event.attempt, ...common };
    case "cancelRequested":
      return { event: "run.cancelRequested", pathspec: run, ...common, by: event.by };
    case "retryRequested":
      return { event: "run.retryRequested", pathspec: run, ...common, by: event.by, tasks: event.tasks };
    case "tagsChanged":
      return { event: "run.tagsChanged", pathspec: run, ...common, by: event.by, add: event.add, remove: event.remove };
    case "artifactsCollected":
      return { event: "run.artifactsCollected", pathspec: run, ...common, by: event.by };
    default:
      return unreachable(event);
  }
}

/** What becomes of a task whose attempt failed. */
function outcomeOf({ kind }: Change): "retry" | "caught" | "failed" | "cancelled" | null {
  switch (kind) {
    case "taskRetrying":
      return "retry";
    case "taskCaught":
      return "caught";
    case "taskFailed":
      return "failed";
    case "taskCancelled":
      return "cancelled";
    case "submitted":
    case "started":
    case "taskStarted":
    case "taskSucceeded":
    case "cancelling":
    case "takenUp":
      return null;
    default:
      return unreachable(kind);
  }
}

export function logDocument(line: LogLine): object {
  const { attempt, stream, text } = line;
  return { event: "log", pathspec: `${line.run}/${line.task}`, attempt, stream, at: formatInstant(line.atMs), text };
}

/** Always the last. */
export function finishedDocument(view: RunView): object {
  return { event: "run.finished", pathspec: view.run, seq: view.seq, ...runDocument(view) };
}

function failureDocument(failure: Failure): object {
  return { ...failure, text: describeFailure(failure) };
}
