// Parsers of what clients ask of a coordinator.

import {
  keyCharactersMax,
  type Asker,
  type LogsQuery,
  type ResumeRequest,
  type RunsQuery,
  type SubmitRequest,
  type TasksQuery,
} from "../control.ts";
import {
  arrayOf,
  boolean,
  count,
  named,
  nullable,
  number,
  object,
  oneOf,
  optional,
  recordOf,
  root,
  string,
  type Fields,
  type Parser,
} from "./combinators.ts";
import { runOptions } from "./event.ts";
import { artifacts, flowGraph, flowName, runId, sha256, stepName, taskId } from "./values.ts";

const resume = object<ResumeRequest>({
  origin: runId,
  from: nullable(stepName),
  changedSteps: arrayOf(stepName),
  changedParameters: arrayOf(string),
  stepsReadingParameters: recordOf(arrayOf(stepName)),
  rerunCaught: boolean,
});

const key = named((text) => {
  if (text === "" || text.length > keyCharactersMax) throw new RangeError(`a key has 1 to ${keyCharactersMax} characters`);
  return text;
});

const submission: Omit<Fields<SubmitRequest>, "resume"> = {
  graph: flowGraph,
  codePackage: sha256,
  parameters: artifacts,
  secrets: arrayOf(string),
  secretValues: optional(artifacts),
  options: runOptions,
  tags: arrayOf(string),
  systemTags: arrayOf(string),
  namespace: string,
  user: string,
  key: optional(key),
};

/** @throws ParseError */
export const parseAsker: Parser<Asker> = root("asker", object<Asker>({ by: string, key: optional(key) }));

/** @throws ParseError */
export const parseSubmitRequest: Parser<SubmitRequest> = root("submit", object<SubmitRequest>({ ...submission, resume: nullable(resume) }));

/** For `plan`, which is about resuming. @throws ParseError */
export const parsePlanRequest: Parser<SubmitRequest & { readonly resume: ResumeRequest }> = root(
  "plan",
  object<SubmitRequest & { readonly resume: ResumeRequest }>({ ...submission, resume }),
);

/** @throws ParseError */
export const parseRunsQuery: Parser<RunsQuery> = root(
  "runs",
  object<RunsQuery>({
    flow: optional(flowName),
    status: optional(arrayOf(oneOf("pending", "running", "succeeded", "failed", "cancelled"))),
    tags: optional(arrayOf(string)),
    namespace: optional(nullable(string)),
    within: optional(string),
    user: optional(string),
    sinceMs: optional(number),
    untilMs: optional(number),
    limit: count,
    cursor: optional(string),
  }),
);

/** @throws ParseError */
export const parseTasksQuery: Parser<TasksQuery> = root(
  "tasks",
  object<TasksQuery>({
    step: optional(stepName),
    status: optional(arrayOf(oneOf("waiting", "ready", "running", "backoff", "succeeded", "failed", "cancelled"))),
    limit: count,
    cursor: optional(string),
  }),
);

const attemptChoice: Parser<number | "latest" | "all"> = (value) =>
  typeof value === "string" ? oneOf("latest", "all")(value) : count(value);

/** @throws ParseError */
export const parseLogsQuery: Parser<LogsQuery> = root(
  "logs",
  object<LogsQuery>({
    run: runId,
    step: optional(stepName),
    task: optional(taskId),
    attempt: optional(attemptChoice),
    stream: optional(oneOf("stdout", "stderr")),
    follow: optional(boolean),
  }),
);
