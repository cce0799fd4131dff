// One attempt of a task: what the step finds, what is kept of it, and what its failures become.

import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { before, test } from "node:test";
import type { ArtifactRef, Artifacts } from "../../proto/artifact.ts";
import { parseFlowName, parseRunId, parseSha256, parseStepName, parseTaskId } from "../../proto/ids.ts";
import type { TaskInputs, TaskOrder, TaskOutcome } from "../../proto/order.ts";
import { type FlowModule, loadFlow } from "../../test/flow-fixture.ts";
import { keepArtifacts, keepElements } from "../artifact/keep.ts";
import { MemoryArtifactStore } from "../artifact/memory-store.ts";
import { readArtifactSync } from "../artifact/read.ts";
import type { FlowClass } from "../flow/flow-spec.ts";
import { type ExecuteInput, executeStep } from "./execute-step.ts";

let flows: FlowModule;
before(async () => {
  flows = await loadFlow(`${import.meta.dirname}/steps.flow.ts`);
});

const store = new MemoryArtifactStore();

function kept(values: Record<string, unknown>): Promise<Artifacts> {
  return keepArtifacts(new Map(Object.entries(values)), store);
}

function flow(name: string): FlowClass {
  const flowClass = flows[name];
  assert.ok(flowClass, `no fixture ${name}`);
  return flowClass;
}

async function orderFor(name: string, step: string, more: Partial<TaskOrder> = {}): Promise<TaskOrder> {
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

async function run(name: string, step: string, more: Partial<TaskOrder> = {}, input: Partial<ExecuteInput> = {}): Promise<TaskOutcome> {
  return executeStep({
    order: await orderFor(name, step, more),
    flowClass: flow(name),
    store,
    signal: new AbortController().signal,
    tempDir: tmpdir(),
    ...input,
  });
}

function good(outcome: TaskOutcome): Extract<TaskOutcome, { kind: "succeeded" }> {
  assert.equal(outcome.kind, "succeeded", JSON.stringify(outcome));
  return outcome as Extract<TaskOutcome, { kind: "succeeded" }>;
}

function bad(outcome: TaskOutcome): Extract<TaskOutcome, { kind: "failed" }> {
  assert.equal(outcome.kind, "failed", JSON.stringify(outcome));
  return outcome as Extract<TaskOutcome, { kind: "failed" }>;
}

function valuesOf(artifacts: Artifacts): Record<string, unknown> {
  return Object.fromEntries(Object.entries(artifacts).map(([name, ref]) => [name, readArtifactSync(ref, store)]));
}

function single(artifacts: Artifacts): TaskInputs {
  return { kind: "single", artifacts };
}

async function foreachJoin(rows: readonly Record<string, unknown>[], base: Record<string, unknown> = {}): Promise<TaskInputs> {
  const inputs = await Promise.all(
    rows.map(async (own, i) => ({ task: parseTaskId(`a/${i}`), branch: parseStepName("a"), own: await kept(own), missing: [] })),
  );
  return { kind: "join", split: "foreach", base: await kept(base), inputs };
}

async function branchJoin(a: Record<string, unknown>, b: Record<string, unknown>, base: Record<string, unknown> = {}): Promise<TaskInputs> {
  const input = async (name: string, own: Record<string, unknown>) => ({
    task: parseTaskId(`${name}/0`),
    branch: parseStepName(name),
    own: await kept(own),
    missing: [],
  });
  return { kind: "join", split: "branch", base: await kept(base), inputs: [await input("a", a), await input("b", b)] };
}

test("what a step assigns is kept, parameters and fields that were never set are not", async () => {
  const outcome = good(await run("PlainFlow", "start"));
  assert.deepEqual(outcome.taken, { kind: "linear", to: "middle" });
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "rate 0.5", _secret: "private" });
  assert.ok(outcome.usage.finishedAtMs >= outcome.usage.startedAtMs && outcome.usage.peakMiB > 0);
});

test("an async step goes on from the artifacts before it", async () => {
  const outcome = good(await run("PlainFlow", "middle", { inputs: single(await kept({ message: "hi" })) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "hi!" });
});

test("end takes no transition", async () => {
  assert.deepEqual(good(await run("PlainFlow", "end")).taken, { kind: "end" });
});

test("what a step doesn't touch is not even read", async () => {
  const gone: ArtifactRef = { kind: "stored", sha256: parseSha256("a".repeat(64)), size: 9, type: "object", place: { kind: "blob" } };
  const outcome = good(await run("PlainFlow", "pass", { inputs: single({ model: gone }) }));
  assert.deepEqual(outcome.artifacts, {});
});

test("a list that a step changes in place is kept as changed", async () => {
  const outcome = good(await run("PlainFlow", "push", { inputs: single(await kept({ list: [1, 2, 3] })) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { list: [1, 2, 3, 4] });
});

test("what a step only reads is not kept again", async () => {
  const artifacts = await kept({ list: [1, 1.5, -0], table: new Map([["x", 1]]) });
  const outcome = good(await run("PlainFlow", "readOnly", { inputs: single(artifacts) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { seen: 4 });
});

test("an artifact given on under another name keeps its reference", async () => {
  const artifacts = await kept({ list: Array.from({ length: 100_000 }, (_, i) => i) });
  const writes = store.writesCount;
  const outcome = good(await run("PlainFlow", "reassign", { inputs: single(artifacts) }));
  assert.deepEqual(outcome.artifacts, { seen: artifacts["list"] });
  assert.equal(store.writesCount, writes);
});

test("parameters and constants cannot be assigned", async () => {
  for (const [step, field] of [
    ["assignParameter", "rate"],
    ["assignConstant", "colours"],
  ] as const) {
    const { failure } = bad(await run("PlainFlow", step));
    assert.equal(failure.kind, "userError");
    assert.match(
      JSON.stringify(failure),
      new RegExp(`this.${field} cannot be assigned: parameters and constants are the same in every step`),
    );
  }
});

test("the insides of parameters and constants cannot be changed", async () => {
  for (const step of ["changeParameter", "pushConstant"]) {
    const { failure } = bad(await run("PlainFlow", step));
    assert.match(JSON.stringify(failure), /TypeError.*(read only|not extensible)/);
  }
});

test("a TypeError about an artifact that nobody has set names the artifact", async () => {
  const { failure } = bad(await run("PlainFlow", "readUnset"));
  assert.equal(
    failure.kind === "userError" && failure.message,
    "Cannot read properties of undefined (reading 'score') (this.model is not set: no step before this one has set it)",
  );
});

test("an artifact whose blob is gone is named in the error", async () => {
  const gone: ArtifactRef = { kind: "stored", sha256: parseSha256("a".repeat(64)), size: 9, type: "object", place: { kind: "blob" } };
  const { failure } = bad(await run("PlainFlow", "readUnset", { inputs: single({ model: gone }) }));
  assert.match(
    failure.kind === "userError" ? failure.message : "",
    /^artifact "model" of PlainFlow\/7\/readUnset\/0 cannot be read: blob aaaa/,
  );
});

test("a step that takes no transition, or not exactly one, or doesn't return it, fails for good", async () => {
  const expected = {
    forgets: "step forgets ended without a transition; end every path through it with: return this.next(...)",
    returnsNothing: "step returnsNothing called this.next() but did not return what it gave; write: return this.next(...)",
    twice: "step twice called this.next() twice; call it once, as its last statement",
    swallows: "step swallows called this.next() twice; call it once, as its last statement",
    toHelper: "step toHelper: this.next() got helper(), which is no step of PlainFlow",
    fanOverNothing: "step fanOverNothing: foreach needs an array, and this.sets is not set",
  };
  for (const [step, message] of Object.entries(expected)) {
    assert.deepEqual(bad(await run("PlainFlow", step)).failure, { kind: "badTransition", message });
  }
});

test("a static branch names its steps in the order of the arguments", async () => {
  assert.deepEqual(good(await run("PlainFlow", "both")).taken, { kind: "branch", to: ["middle", "pass"] });
});

test("a foreach keeps its elements one by one", async () => {
  const { taken, artifacts } = good(await run("PlainFlow", "fan"));
  assert.deepEqual(taken, { kind: "foreach", to: "child", elements: await keepElements(["a", "b", "c"], store) });
  assert.deepEqual(valuesOf(artifacts), { sets: ["a", "b", "c"] });
});

test("a foreach's child receives its element, its index and the stack", async () => {
  const elements = await keepElements(["x", "y"], store);
  assert.equal(elements.kind, "inline");
  const element = { kind: "inline" as const, base64: (elements.kind === "inline" && elements.base64[1]) || "" };
  const frames = [{ step: parseStepName("fan"), index: 1, count: 2, element }];
  const outcome = good(await run("PlainFlow", "child", { frames, task: parseTaskId("child/1") }));
  assert.deepEqual(valuesOf(outcome.artifacts), { seen: ["y", "y", 1, [{ step: "fan", index: 1, count: 2, input: "y" }]] });
});

test("a switch follows the artifact, be it text, number or boolean", async () => {
  for (const [size, to] of [
    ["big", "middle"],
    [3, "pass"],
    [true, "end"],
  ] as const) {
    const outcome = good(await run("PlainFlow", "choose", { inputs: single(await kept({ size })) }));
    assert.deepEqual(outcome.taken, { kind: "switch", value: String(size), to });
  }
  assert.deepEqual(bad(await run("PlainFlow", "choose", { inputs: single(await kept({ size: "huge" })) })).failure, {
    kind: "badTransition",
    message: 'step choose: the switch looks at this.size, which is "huge"; its cases are 3, big, true',
  });
});

test("a value that cannot be kept is refused with the place inside it", async () => {
  const outcome = bad(await run("PlainFlow", "keepsFunction", { keepOnFailure: true }));
  assert.equal(outcome.failure.kind, "refusedArtifact");
  assert.equal(outcome.failure.kind === "refusedArtifact" && `${outcome.failure.artifact}${outcome.failure.path}`, "seen.deep[0]");
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "kept" });
});

test("reserved names and names of steps cannot be artifacts", async () => {
  assert.match(JSON.stringify(bad(await run("PlainFlow", "reserved")).failure), /this.index cannot be assigned.*reserved/);
  assert.match(JSON.stringify(bad(await run("PlainFlow", "stepName")).failure), /refusedArtifact.*middle.* is a step of this flow/);
});

test("an exception becomes a user error with the author's frames and the causes", async () => {
  const { failure, artifacts } = bad(await run("PlainFlow", "throws"));
  assert.ok(failure.kind === "userError");
  assert.deepEqual([failure.name, failure.message], ["RangeError", "too far"]);
  assert.match(failure.stack, /^RangeError: too far\n {4}at .*throws.*flow\.mjs/);
  assert.match(failure.stack, /\ncaused by Error: the reason/);
  assert.doesNotMatch(failure.stack, /sdk\/execute\/(execute-step|step-task)|node:/);
  assert.ok(failure.place?.file.endsWith("flow.mjs"));
  assert.deepEqual(artifacts, {});
});

test("what is thrown and is no Error is told as such", async () => {
  const { failure } = bad(await run("PlainFlow", "throwsText"));
  assert.equal(failure.kind === "userError" && failure.message, "the step threw 'just text', which is no Error");
});

test("what a step set before it threw is kept where the failure will be caught, the catch variable excepted", async () => {
  const outcome = bad(await run("PlainFlow", "throws", { keepOnFailure: true, catchVar: "seen" }));
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "before" });
});

test("the catch variable is undefined after a success, unless the step has set it", async () => {
  const before = await kept({ seen: "from an earlier step" });
  const outcome = good(await run("PlainFlow", "start", { inputs: single(before), catchVar: "seen" }));
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "rate 0.5", _secret: "private", seen: undefined });
  const set = good(await run("PlainFlow", "start", { catchVar: "message" }));
  assert.deepEqual(valuesOf(set.artifacts), { message: "rate 0.5", _secret: "private" });
});

test("current tells where the step is", async () => {
  const reports: unknown[] = [];
  const outcome = good(
    await run("PlainFlow", "tells", { attempt: 2 }, { tempDir: "/tmp/x", report: (progress) => reports.push(progress) }),
  );
  assert.deepEqual(valuesOf(outcome.artifacts)["seen"], {
    flow: "PlainFlow",
    run: "PlainFlow/7",
    name: "tells",
    task: "tells/0",
    attempt: 2,
    tags: ["t"],
    namespace: "user:ann",
    user: "ann",
    tempDir: "/tmp/x",
    idempotencyKey: "PlainFlow/7/tells/0",
    parameters: { rate: 0.5, settings: { depth: { max: 3 } }, colours: ["red", "green"] },
    originRun: null,
  });
  assert.deepEqual(reports, [{ done: 1, total: 2, message: "half" }]);
});

test("steps that run at the same time in one process each find their own current", async () => {
  const outcomes = await Promise.all([1, 2, 3].map((attempt) => run("PlainFlow", "tells", { attempt })));
  assert.deepEqual(
    outcomes.map((outcome) => (valuesOf(outcome.artifacts)["seen"] as { attempt: number }).attempt),
    [1, 2, 3],
  );
});

test("an abort lets the step clean up, and its reason is the failure", async () => {
  const abort = new AbortController();
  const running = run("PlainFlow", "waits", { keepOnFailure: true }, { signal: abort.signal, graceMs: 60_000 });
  setImmediate(() => setImmediate(() => abort.abort({ kind: "timeout", afterSeconds: 3 })));
  const outcome = bad(await running);
  assert.deepEqual(outcome.failure, { kind: "timeout", afterSeconds: 3 });
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "cleaned up" });
});

test("a step that doesn't react to the abort is left after its grace, with what it had set", async () => {
  const abort = new AbortController();
  const running = run("PlainFlow", "hangs", { keepOnFailure: true }, { signal: abort.signal, graceMs: 1 });
  setImmediate(() => setImmediate(() => abort.abort(new Error("ann"))));
  const outcome = bad(await running);
  assert.deepEqual(outcome.failure, { kind: "cancelled", by: "ann" });
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "hanging" });
});

test("time-outs are disarmed when the step's code is done, whatever came out", async () => {
  for (const step of ["start", "throws"]) {
    let done = 0;
    await run("PlainFlow", step, {}, { codeDone: () => done++ });
    assert.equal(done, 1);
  }
});

test("a subclass's step runs in place of its base's, which super still reaches", async () => {
  const trail = await kept({ trail: ["base start"] });
  const outcome = good(await run("ChildFlow", "work", { inputs: single(trail) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { trail: ["base start", "child work 5 base", "base work"] });
});

test("a join finds its inputs in order, with parameters, and takes over nothing by itself", async () => {
  const inputs = await foreachJoin([{ score: 3 }, { score: 9 }, { score: 5 }], { same: "s" });
  const outcome = good(await run("JoinFlow", "join", { inputs }));
  assert.deepEqual(valuesOf(outcome.artifacts), { best: { order: [3, 9, 5], best: 9, length: 3, first: 3, offset: 10 } });
});

test("a caught input carries its error and lacks what it never set", async () => {
  const inputs = await foreachJoin([{ score: 3, trainError: undefined }]);
  assert.ok(inputs.kind === "join");
  const caught: ArtifactRef = {
    kind: "caught",
    task: parseTaskId("a/1"),
    attempt: 0,
    failure: { kind: "timeout", afterSeconds: 1 },
  };
  const second = { task: parseTaskId("a/1"), branch: parseStepName("a"), own: { trainError: caught }, missing: [] };
  const outcome = good(await run("JoinFlow", "join", { inputs: { ...inputs, inputs: [...inputs.inputs, second] } }));
  assert.deepEqual(valuesOf(outcome.artifacts)["best"], { order: [3, undefined], best: 3, length: 2, first: 3, offset: 10 });
});

test("the inputs of a branch are there by the name of its first step", async () => {
  const outcome = good(await run("JoinFlow", "byName", { inputs: await branchJoin({ score: 1 }, { score: 2 }) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { best: [1, 2] });
});

test("mergeArtifacts takes what the inputs agree on and the join has not set, also where only some have it", async () => {
  const inputs = await branchJoin({ score: 1, other: "only here" }, { score: 2 }, { same: "s" });
  const outcome = good(await run("JoinFlow", "merge", { inputs }));
  assert.deepEqual(valuesOf(outcome.artifacts), { score: 100, best: "s", same: "s", other: "only here" });
});

test("a merge with conflicts names them and takes over nothing", async () => {
  const outcome = bad(
    await run("JoinFlow", "mergeAll", { inputs: await branchJoin({ score: 1 }, { score: 2 }, { same: "s" }), keepOnFailure: true }),
  );
  assert.equal(
    outcome.failure.kind === "userError" && outcome.failure.message,
    'mergeArtifacts: the inputs have different values of score; set them in the join before the call, or exclude: ["score"]',
  );
  assert.deepEqual(outcome.artifacts, {});
});

test("mergeArtifacts with include takes only those, and refuses names that no input has", async () => {
  const inputs = await branchJoin({ score: 1 }, { score: 2 }, { same: "s" });
  assert.deepEqual(valuesOf(good(await run("JoinFlow", "mergeSome", { inputs })).artifacts), { same: "s" });
  const { failure } = bad(await run("JoinFlow", "mergeMissing", { inputs }));
  assert.match(JSON.stringify(failure), /no input has best/);
});

test("mergeArtifacts is refused outside a join", async () => {
  assert.match(
    JSON.stringify(bad(await run("JoinFlow", "mergeOutsideJoin")).failure),
    /mergeArtifacts is for joins, and step mergeOutsideJoin is none/,
  );
});

test("an input knows its index and its element", async () => {
  const inputs = await foreachJoin([{ score: 1 }, {}]);
  assert.ok(inputs.kind === "join");
  const elements = await keepElements(["x", "y"], store);
  const outcome = good(await run("JoinFlow", "places", { inputs: { ...inputs, elements } }));
  assert.deepEqual(valuesOf(outcome.artifacts)["best"], [
    [0, "x", true],
    [1, "y", false],
  ]);
});

test("an input cannot be written to", async () => {
  const { failure } = bad(await run("JoinFlow", "writesInput", { inputs: await foreachJoin([{ score: 1 }]) }));
  assert.match(JSON.stringify(failure), /the inputs of a join are read-only; set this.score of the join instead/);
});

test("the join of an empty foreach has no inputs and sees what was there before the foreach", async () => {
  const outcome = good(await run("JoinFlow", "countsInputs", { inputs: await foreachJoin([], { same: "before" }) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { best: [0, "before"] });
});

test("a store that cannot be written fails the attempt, and the failure says why", async () => {
  const full = new MemoryArtifactStore();
  full.writeFault = "full";
  const inputs = single({});
  const outcome = await executeStep({
    order: {
      ...(await orderFor("PlainFlow", "start")),
      inputs,
      keepOnFailure: true,
      parameters: await kept({ rate: "x".repeat(5000), settings: {}, colours: [] }),
    },
    flowClass: flow("PlainFlow"),
    store: Object.assign(full, { getSync: store.getSync.bind(store) }),
    signal: new AbortController().signal,
    tempDir: tmpdir(),
  });
  assert.match(JSON.stringify(bad(outcome).failure), /ArtifactStoreError/);
});
