// Parsers of the words that messages are made of: names, artifact references, failures, graphs.

import type { ArtifactPlace, ArtifactRef, Artifacts, CaughtRef, Element, Elements, StoredRef } from "../artifact.ts";
import type { Failure, FailureKind, SourcePlace } from "../failure.ts";
import type {
  BatchOptions,
  BatchPlacement,
  BatchPlatform,
  FlowGraph,
  ParameterSpec,
  RetryPolicy,
  StepNode,
  StepPolicy,
  StepResources,
  Transition,
} from "../graph.ts";
import type { Shape, WorkerOptions } from "../shape.ts";
import { parseFlowName, parseRunId, parseSha256, parseStepName, parseTaskId } from "../ids.ts";
import {
  arrayOf,
  boolean,
  count,
  either,
  kind,
  named,
  nullable,
  number,
  object,
  oneOf,
  optional,
  recordOf,
  string,
  union,
  type Parser,
} from "./combinators.ts";

export const flowName = named(parseFlowName);
export const stepName = named(parseStepName);
export const runId = named(parseRunId);
export const taskId = named(parseTaskId);
export const sha256 = named(parseSha256);

const sourcePlace = object<SourcePlace>({ file: string, line: count, column: count });

export const failure: Parser<Failure> = union<Failure>({
  userError: object({ kind, name: string, message: string, stack: string, place: nullable(sourcePlace) }),
  timeout: object({ kind, afterSeconds: number }),
  outOfMemory: object({ kind, peakMiB: number, limitMiB: nullable(number) }),
  signal: object({ kind, signal: string }),
  exit: object({ kind, code: number }),
  lost: object({ kind, worker: string }),
  returned: object({ kind, worker: string, why: oneOf("undelivered", "drained") }),
  start: object({ kind, message: string }),
  store: object({ kind, message: string }),
  cancelled: object({ kind, by: string }),
  refusedArtifact: object({ kind, artifact: string, path: string, message: string }),
  badTransition: object({ kind, message: string }),
});

const failureKind = oneOf<FailureKind>(
  "userError",
  "timeout",
  "outOfMemory",
  "signal",
  "exit",
  "lost",
  "returned",
  "start",
  "store",
  "cancelled",
  "refusedArtifact",
  "badTransition",
);

const place = union<ArtifactPlace>({
  inline: object({ kind, base64: string, copy: optional(object({ pack: sha256, offset: count })) }),
  blob: object({ kind }),
  pack: object({ kind, pack: sha256, offset: count, length: optional(count) }),
});

const blobs = optional(arrayOf(sha256));
const elementBlobs = optional(recordOf(arrayOf(sha256)));

const artifactRef: Parser<ArtifactRef> = union<ArtifactRef>({
  stored: object<StoredRef>({ kind, sha256, size: count, type: string, place, blobs }),
  caught: object<CaughtRef>({ kind, task: taskId, attempt: count, failure }),
});

export const artifacts: Parser<Artifacts> = recordOf(artifactRef);

export const elements: Parser<Elements> = union<Elements>({
  inline: object({ kind, base64: arrayOf(string), blobs: elementBlobs }),
  pack: object({ kind, pack: sha256, count, blobs: elementBlobs }),
});

export const element: Parser<Element> = union<Element>({
  inline: object({ kind, base64: string, blobs }),
  pack: object({ kind, pack: sha256, index: count, blobs }),
});

const transition = union<Transition>({
  end: object({ kind }),
  linear: object({ kind, to: stepName }),
  branch: object({ kind, to: arrayOf(stepName) }),
  foreach: object({ kind, to: stepName, artifact: string }),
  switch: object({ kind, condition: string, cases: recordOf(stepName) }),
});

const containerOptions = {
  jobRole: optional(string),
  executionRole: optional(string),
  sharedMemory: optional(count),
  tmpfs: optional(recordOf(count)),
  maxSwap: optional(count),
  swappiness: optional(count),
  ephemeralStorage: optional(count),
  env: optional(recordOf(string)),
  tags: optional(recordOf(string)),
};

const platform = oneOf<BatchPlatform>("fargate", "ec2");

const batchOptions = object<BatchOptions>({ ...containerOptions, platform: optional(platform), slots: optional(count) });

const resources = { cpu: number, memoryMiB: number, gpu: number };

const stepPolicy = object<StepPolicy>({
  retry: nullable(
    object<RetryPolicy>({
      times: count,
      minutesBetween: number,
      backoff: number,
      maxMinutes: number,
      on: nullable(arrayOf(failureKind)),
    }),
  ),
  catch: nullable(object<NonNullable<StepPolicy["catch"]>>({ var: nullable(string), print: boolean })),
  timeoutSeconds: nullable(number),
  resources: object<StepResources>({
    cpu: nullable(number),
    memoryMiB: nullable(number),
    memoryMaxMiB: optional(number),
    gpu: number,
    labels: optional(recordOf(string)),
    pool: optional(string),
  }),
  concurrencyMax: optional(count),
  batch: nullable(object<BatchPlacement>({ ...resources, queue: nullable(string), image: nullable(string), options: batchOptions })),
  environment: recordOf(string),
  isolated: boolean,
});

/** As a ledger of launches keeps it. */
export const shape = object<Shape>({
  ...resources,
  queue: nullable(string),
  image: nullable(string),
  platform: nullable(platform),
  capacity: oneOf("spot", "onDemand"),
  slots: count,
  options: object<WorkerOptions>(containerOptions),
});

const step = object<StepNode>({
  name: stepName,
  doc: string,
  line: count,
  file: string,
  transition,
  joins: nullable(stepName),
  within: arrayOf(stepName),
  policy: stepPolicy,
});

const parameter = object<ParameterSpec>({
  name: string,
  kind: oneOf("string", "number", "integer", "boolean", "json", "file"),
  help: string,
  required: boolean,
  secret: boolean,
  defaultJson: nullable(string),
  choices: nullable(arrayOf(either(string, number))),
});

export const flowGraph: Parser<FlowGraph> = object<FlowGraph>({
  flow: flowName,
  file: string,
  doc: string,
  concurrencyMax: optional(count),
  steps: arrayOf(step),
  parameters: arrayOf(parameter),
});
