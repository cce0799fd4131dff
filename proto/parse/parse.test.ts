import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { ArtifactRef } from "../artifact.ts";
import type { SubmitRequest } from "../control.ts";
import { defaultRunOptions, type RunEvent } from "../event.ts";
import type { Failure } from "../failure.ts";
import { defaultPolicy, type StepNode } from "../graph.ts";
import { parseFlowName, parseRunId, parseSha256, parseStepName, parseTaskId } from "../ids.ts";
import type { TakenTransition, TaskOrder, TaskOutcome } from "../order.ts";
import { ParseError } from "./combinators.ts";
import { parseLogsQuery, parsePlanRequest, parseRunsQuery, parseSubmitRequest, parseTasksQuery } from "./control.ts";
import { parseRunEvent } from "./event.ts";
import { parseTaskOrder, parseTaskOutcome } from "./task.ts";

const step = fc.constantFrom("start", "train", "join_2").map(parseStepName);
const run = fc.integer({ min: 1, max: 99 }).map((n) => parseRunId(`TrainFlow/${n}`));
const task = fc.constantFrom("start/0", "train/2", "score/2.0.11").map(parseTaskId);
const sha256 = fc
  .array(fc.constantFrom(...Array.from("0123456789abcdef")), { minLength: 64, maxLength: 64 })
  .map((digits) => parseSha256(digits.join("")));
const whole = fc.nat();
const text = fc.string();
const failure: fc.Arbitrary<Failure> = fc.oneof(
  fc.record({
    kind: fc.constant("userError" as const),
    name: text,
    message: text,
    stack: text,
    place: fc.option(fc.record({ file: text, line: whole, column: whole })),
  }),
  fc.record({ kind: fc.constant("timeout" as const), afterSeconds: whole }),
  fc.record({ kind: fc.constant("outOfMemory" as const), peakMiB: whole, limitMiB: fc.option(whole) }),
  fc.record({ kind: fc.constant("signal" as const), signal: text }),
  fc.record({ kind: fc.constant("exit" as const), code: fc.integer({ min: -1, max: 255 }) }),
  fc.record({ kind: fc.constant("lost" as const), worker: text }),
  fc.record({ kind: fc.constant("returned" as const), worker: text, why: fc.constantFrom("undelivered" as const, "drained" as const) }),
  fc.record({ kind: fc.constant("start" as const), message: text }),
  fc.record({ kind: fc.constant("cancelled" as const), by: text }),
  fc.record({ kind: fc.constant("refusedArtifact" as const), artifact: text, path: text, message: text }),
  fc.record({ kind: fc.constant("badTransition" as const), message: text }),
);
const place = fc.oneof(
  fc.record({ kind: fc.constant("inline" as const), base64: text }),
  fc.record({ kind: fc.constant("blob" as const) }),
  fc.record({ kind: fc.constant("pack" as const), pack: sha256, offset: whole }),
  fc.record({ kind: fc.constant("pack" as const), pack: sha256, offset: whole, length: whole }),
);
const stored = { kind: fc.constant("stored" as const), sha256, size: whole, type: text, place };
const ref: fc.Arbitrary<ArtifactRef> = fc.oneof(
  fc.record(stored),
  fc.record({ ...stored, blobs: fc.array(sha256) }),
  fc.record({ kind: fc.constant("caught" as const), task, attempt: whole, failure }),
);
const artifacts = fc.dictionary(text, ref, { noNullPrototype: true });
const elements = fc.oneof(
  fc.record({ kind: fc.constant("inline" as const), base64: fc.array(text) }),
  fc.record({ kind: fc.constant("pack" as const), pack: sha256, count: whole }),
  fc.record({ kind: fc.constant("pack" as const), pack: sha256, count: whole, blobs: fc.dictionary(text, fc.array(sha256)) }),
);
const taken: fc.Arbitrary<TakenTransition> = fc.oneof(
  fc.record({ kind: fc.constant("end" as const) }),
  fc.record({ kind: fc.constant("linear" as const), to: step }),
  fc.record({ kind: fc.constant("branch" as const), to: fc.array(step) }),
  fc.record({ kind: fc.constant("foreach" as const), to: step, elements }),
  fc.record({ kind: fc.constant("switch" as const), value: text, to: step }),
);
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value));
const usage = fc.record({ startedAtMs: number, finishedAtMs: number, cpuMs: number, peakMiB: number });
const context = fc.record({ tags: fc.array(text), namespace: text, user: text, originRun: fc.option(run) });
const outcome: fc.Arbitrary<TaskOutcome> = fc.oneof(
  fc.record({ kind: fc.constant("succeeded" as const), taken, artifacts, usage }),
  fc.record({ kind: fc.constant("failed" as const), failure, artifacts, usage }),
);
const node: fc.Arbitrary<StepNode> = fc.record({
  name: step,
  doc: text,
  line: whole,
  file: text,
  transition: fc.oneof(
    fc.record({ kind: fc.constant("end" as const) }),
    fc.record({ kind: fc.constant("foreach" as const), to: step, artifact: text }),
    fc.record({ kind: fc.constant("switch" as const), condition: text, cases: fc.dictionary(text, step, { noNullPrototype: true }) }),
  ),
  joins: fc.option(step),
  within: fc.array(step),
  policy: fc.constantFrom(defaultPolicy, {
    ...defaultPolicy,
    retry: { times: 9, minutesBetween: 0.5, backoff: 2, maxMinutes: 60, on: ["timeout", "exit"] as const },
    catch: { var: "seen", print: true },
    timeoutSeconds: 1.5,
    batch: { cpu: 2, memoryMiB: 500, gpu: 0, queue: "q", image: null, options: { jobRole: "r", slots: 2, tmpfs: { "/scratch": 64 } } },
    environment: { A: "b" },
  }),
});
const graph = fc.record({
  flow: fc.constant(parseFlowName("TrainFlow")),
  file: text,
  doc: text,
  steps: fc.array(node),
  parameters: fc.array(
    fc.record({
      name: text,
      kind: fc.constantFrom("string", "number", "integer", "boolean", "json", "file"),
      help: text,
      required: fc.boolean(),
      secret: fc.boolean(),
      defaultJson: fc.option(text),
      choices: fc.option(fc.array(fc.oneof(text, number))),
    }),
  ),
});
const options = fc.constant({ ...defaultRunOptions, workersMax: 4 });
const held = { task, attempt: whole, lease: whole };
const atMs = number;
const event: fc.Arbitrary<RunEvent> = fc.oneof(
  fc.record({
    kind: fc.constant("runSubmitted" as const),
    atMs,
    run,
    graph,
    codePackage: sha256,
    parameters: artifacts,
    secrets: fc.array(text),
    options,
    context,
    systemTags: fc.array(text),
  }),
  fc.record({
    kind: fc.constant("tasksReused" as const),
    atMs,
    tasks: fc.array(fc.record({ task, origin: run, attempt: whole, taken, artifacts, caught: fc.option(failure) })),
  }),
  fc.record({ kind: fc.constant("runStarted" as const), atMs }),
  fc.record({ kind: fc.constant("taskStarted" as const), atMs, ...held, worker: text }),
  fc.record({ kind: fc.constant("taskSucceeded" as const), atMs, ...held, taken, artifacts, usage }),
  fc.record({ kind: fc.constant("taskFailed" as const), atMs, ...held, failure, artifacts, usage: fc.option(usage) }),
  fc.record({ kind: fc.constant("taskFailed" as const), atMs, ...held, failure, artifacts, usage: fc.option(usage), retryAfterMs: whole }),
  fc.record({ kind: fc.constant("retryDue" as const), atMs, task, attempt: whole }),
  fc.record({ kind: fc.constant("cancelRequested" as const), atMs, by: text }),
  fc.record({ kind: fc.constant("retryRequested" as const), atMs, by: text, tasks: fc.option(fc.array(task)) }),
  fc.record({ kind: fc.constant("artifactsCollected" as const), atMs, by: text }),
  fc.record({ kind: fc.constant("tagsChanged" as const), atMs, by: text, add: fc.array(text), remove: fc.array(text) }),
);
const element = fc.oneof(
  fc.record({ kind: fc.constant("inline" as const), base64: text }),
  fc.record({ kind: fc.constant("pack" as const), pack: sha256, index: whole }),
  fc.record({ kind: fc.constant("inline" as const), base64: text, blobs: fc.array(sha256) }),
);
const order: fc.Arbitrary<TaskOrder> = fc.record({
  run,
  flow: fc.constant(parseFlowName("TrainFlow")),
  task,
  step,
  attempt: whole,
  lease: whole,
  codePackage: sha256,
  frames: fc.array(fc.record({ step, index: whole, count: whole, element })),
  inputs: fc.oneof(
    fc.record({ kind: fc.constant("single" as const), artifacts }),
    fc.record({
      kind: fc.constant("join" as const),
      split: fc.constantFrom("foreach", "branch"),
      base: artifacts,
      inputs: fc.array(fc.record({ task, branch: step, own: artifacts, missing: fc.array(text) })),
      elements: fc.option(elements),
    }),
  ),
  parameters: artifacts,
  secrets: fc.array(text),
  keepOnFailure: fc.boolean(),
  catchVar: fc.option(text),
  timeoutSeconds: fc.option(number),
  isolated: fc.boolean(),
  environment: fc.dictionary(text, text, { noNullPrototype: true }),
  memoryMiB: fc.option(number),
  context,
});
const resume = fc.record({
  origin: run,
  from: fc.option(step),
  changedSteps: fc.array(step),
  changedParameters: fc.array(text),
  stepsReadingParameters: fc.dictionary(text, fc.array(step), { noNullPrototype: true }),
  rerunCaught: fc.boolean(),
});
const submit: fc.Arbitrary<SubmitRequest> = fc.record({
  graph,
  codePackage: sha256,
  parameters: artifacts,
  secrets: fc.array(text),
  options,
  tags: fc.array(text),
  systemTags: fc.array(text),
  namespace: text,
  user: text,
  resume: fc.option(resume),
});

const runs = { numRuns: 150 };

function comesBack<T>(values: fc.Arbitrary<T>, parse: (value: unknown) => T): void {
  fc.assert(
    fc.property(values, (value) => {
      const json = JSON.stringify(value);
      assert.equal(JSON.stringify(parse(JSON.parse(json))), json);
    }),
    runs,
  );
}

/** Every place of a JSON document, as the way to it. */
function placesIn(value: unknown): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [[]];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [[], ...keys.flatMap((key) => placesIn((value as Record<string | number, unknown>)[key]).map((rest) => [key, ...rest]))];
}

test("every event comes back through JSON as it was", () => comesBack(event, parseRunEvent));
test("every outcome comes back through JSON as it was", () => comesBack(outcome, parseTaskOutcome));
test("every order comes back through JSON as it was", () => comesBack(order, parseTaskOrder));
test("every submission comes back through JSON as it was", () => comesBack(submit, parseSubmitRequest));

test("whatever a part of an event is replaced with, the parser says yes or throws a ParseError, never another error", () => {
  const junk = fc.constantFrom(null, -1, 1.5, "", "x", [], {}, true, { kind: "nothing" }, [null]);
  fc.assert(
    fc.property(event, junk, fc.nat(), (value, replacement, draw) => {
      const places = placesIn(value).slice(1);
      const way = places[draw % places.length] ?? [];
      const document: unknown = JSON.parse(JSON.stringify(value));
      const last = way.at(-1);
      // Walking down to the parent of the place.
      const parent = way.slice(0, -1).reduce((at, key) => (at as Record<string | number, unknown>)[key], document);
      if (last !== undefined) (parent as Record<string | number, unknown>)[last] = replacement;
      try {
        parseRunEvent(document);
      } catch (error) {
        assert.ok(error instanceof ParseError, String(error));
        assert.match(error.message, /^event[.:[]/);
      }
    }),
    { numRuns: 500 },
  );
});

const succeeded = {
  kind: "taskSucceeded",
  atMs: 1,
  task: "train/2",
  attempt: 0,
  lease: 7,
  taken: { kind: "linear", to: "join" },
  artifacts: { model: { kind: "stored", sha256: "ab".repeat(32), size: 9, type: "number", place: { kind: "inline", base64: "AAAA" } } },
  usage: { startedAtMs: 1, finishedAtMs: 2, cpuMs: 1, peakMiB: 30 },
};

const wrong: readonly [title: string, change: object, message: string][] = [
  ["an unknown kind", { kind: "taskSlept" }, 'event.kind: expected "runSubmitted" or'],
  ["a missing field", { lease: undefined }, "event.lease: expected a whole number, 0 or more, got undefined"],
  ["a fraction where a count belongs", { attempt: 1.5 }, "event.attempt: expected a whole number, 0 or more, got 1.5"],
  ["a negative count", { attempt: -1 }, "event.attempt: expected a whole number, 0 or more, got -1"],
  ["a time that is no number", { atMs: "now" }, 'event.atMs: expected a finite number, got "now"'],
  ["a name that is no task", { task: "train" }, 'event.task: "train" is not a task: expected step/INDEX, like train/2 or score/2.0'],
  ["artifacts in a list", { artifacts: [] }, "event.artifacts: expected an object, got an array"],
  [
    "a hash that is none",
    { artifacts: { model: { ...succeeded.artifacts.model, sha256: "AB" } } },
    'event.artifacts.model.sha256: "AB" is not a SHA-256: 64 lower-case hexadecimal digits',
  ],
  ["an element of a list", { taken: { kind: "branch", to: ["a", "b", 3] } }, "event.taken.to[2]: expected a string, got 3"],
];

for (const [title, change, message] of wrong) {
  test(`an event with ${title} is refused with its path`, () => {
    assert.throws(
      () => parseRunEvent({ ...succeeded, ...change }),
      (error) => error instanceof ParseError && error.message.startsWith(message),
    );
  });
}

test("fields that this version doesn't know are let through", () => {
  assert.deepEqual(parseRunEvent({ ...succeeded, later: 1 }), { ...succeeded, later: 1 });
});

test("what is no object at all is refused", () => {
  for (const value of [undefined, null, 1, "x", [], true])
    assert.throws(() => parseTaskOutcome(value), /^ParseError: outcome: expected an object/);
});

test("a query may leave out what it doesn't ask for, and must not spell it wrong", () => {
  assert.deepEqual(parseRunsQuery({ limit: 20 }), { limit: 20 });
  assert.deepEqual(parseRunsQuery({ limit: 20, status: ["failed"], namespace: null }), { limit: 20, status: ["failed"], namespace: null });
  assert.deepEqual(parseTasksQuery({ limit: 5, status: ["backoff"] }), { limit: 5, status: ["backoff"] });
  assert.deepEqual(parseLogsQuery({ run: "TrainFlow/1", attempt: "all" }), { run: "TrainFlow/1", attempt: "all" });
  assert.throws(() => parseRunsQuery({ limit: 20, status: ["done"] }), /runs\.status\[0\]: expected "pending" or "running"/);
  assert.throws(() => parseLogsQuery({ run: "TrainFlow/1", attempt: "newest" }), /logs\.attempt: expected "latest" or "all", got "newest"/);
  assert.throws(() => parseTasksQuery({}), /tasks\.limit: expected a whole number, 0 or more, got undefined/);
});

test("a plan is about a run to resume", () => {
  fc.assert(
    fc.property(submit, (request) => {
      if (request.resume === null) assert.throws(() => parsePlanRequest(request), /plan\.resume: expected an object, got null/);
      else assert.equal(parsePlanRequest(request).resume, request.resume);
    }),
    { numRuns: 30 },
  );
});
