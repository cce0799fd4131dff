// For tests that run one attempt of a step: orders for the flows of test/flows/steps.flow.ts, and readable outcomes.

import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import type { Artifacts } from "../proto/artifact.ts";
import { parseFlowName, parseRunId, parseSha256, parseStepName, parseTaskId } from "../proto/ids.ts";
import type { TaskInputs, TaskOrder, TaskOutcome } from "../proto/order.ts";
import { keepArtifacts } from "../sdk/artifact/keep.ts";
import { MemoryArtifactStore } from "../sdk/artifact/memory-store.ts";
import { readArtifactSync } from "../sdk/artifact/read.ts";
import { type ExecuteInput, executeStep } from "../sdk/execute/execute-step.ts";
import type { FlowClass } from "../sdk/flow/flow-spec.ts";
import { loadFlow } from "./flow-fixture.ts";

const flows = await loadFlow(`${import.meta.dirname}/flows/steps.flow.ts`);

export const store = new MemoryArtifactStore();

export function kept(values: Record<string, unknown>): Promise<Artifacts> {
  return keepArtifacts(new Map(Object.entries(values)), store);
}

export function flow(name: string): FlowClass {
  const flowClass = flows[name];
  assert.ok(flowClass, `no fixture ${name}`);
  return flowClass;
}

export async function orderFor(name: string, step: string, more: Partial<TaskOrder> = {}): Promise<TaskOrder> {
  return {
    run: parseRunId(`${name}/7`),
    flow: parseFlowName(name),
    task: parseTaskId(`${step}/0`),
    step: parseStepName(step),
    attempt: 0,
    lease: 1,
    codePackage: parseSha256("0".repeat(64)),
    frames: [],
    inputs: { kind: "single", artifacts: {} },
    parameters:
      name === "PlainFlow"
        ? await kept({ rate: 0.5, settings: { depth: { max: 3 } }, colours: ["red", "green"] })
        : await kept({ offset: 10, base: "base", extra: 5 }),
    secrets: [],
    keepOnFailure: false,
    catchVar: null,
    timeoutSeconds: null,
    isolated: false,
    environment: {},
    memoryMiB: null,
    context: { tags: ["t"], namespace: "user:ann", user: "ann", originRun: null },
    ...more,
  };
}

/** `path` is Flow.step. */
export async function run(path: string, more: Partial<TaskOrder> = {}, input: Partial<ExecuteInput> = {}): Promise<TaskOutcome> {
  const [name = "", step = ""] = path.split(".");
  return executeStep({
    order: await orderFor(name, step, more),
    flowClass: flow(name),
    store,
    signal: new AbortController().signal,
    tempDir: tmpdir(),
    ...input,
  });
}

export function good(outcome: TaskOutcome): Extract<TaskOutcome, { kind: "succeeded" }> {
  assert.equal(outcome.kind, "succeeded", JSON.stringify(outcome));
  return outcome;
}

export function bad(outcome: TaskOutcome): Extract<TaskOutcome, { kind: "failed" }> {
  assert.equal(outcome.kind, "failed", JSON.stringify(outcome));
  return outcome;
}

export function valuesOf(artifacts: Artifacts): Record<string, unknown> {
  return Object.fromEntries(Object.entries(artifacts).map(([name, ref]) => [name, readArtifactSync(ref, store)]));
}

export function single(artifacts: Artifacts): TaskInputs {
  return { kind: "single", artifacts };
}

export async function foreachJoin(rows: readonly Record<string, unknown>[], base: Record<string, unknown> = {}): Promise<TaskInputs> {
  const inputs = await Promise.all(
    rows.map(async (own, i) => ({ task: parseTaskId(`a/${i}`), branch: parseStepName("a"), own: await kept(own), missing: [] })),
  );
  return { kind: "join", split: "foreach", base: await kept(base), inputs, elements: null };
}

export async function branchJoin(
  a: Record<string, unknown>,
  b: Record<string, unknown>,
  base: Record<string, unknown> = {},
): Promise<TaskInputs> {
  const input = async (name: string, own: Record<string, unknown>) => ({
    task: parseTaskId(`${name}/0`),
    branch: parseStepName(name),
    own: await kept(own),
    missing: [],
  });
  return { kind: "join", split: "branch", base: await kept(base), inputs: [await input("a", a), await input("b", b)], elements: null };
}
