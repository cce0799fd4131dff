// One attempt of a task: what the step finds, what is kept of it, and what its failures become.

import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import type { ArtifactRef } from "../../proto/artifact.ts";
import { describeFailure } from "../../proto/failure.ts";
import { parseSha256, parseStepName, parseTaskId } from "../../proto/ids.ts";
import { bad, flow, good, kept, orderFor, run, single, store, valuesOf } from "../../test/attempt.ts";
import { keepElements } from "../artifact/keep.ts";
import { MemoryArtifactStore } from "../artifact/memory-store.ts";
import { executeStep } from "./execute-step.ts";

test("what a step assigns is kept, parameters and fields that were never set are not", async () => {
  const outcome = good(await run("PlainFlow.start"));
  assert.deepEqual(outcome.taken, { kind: "linear", to: "middle" });
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "rate 0.5", _secret: "private" });
  assert.ok(outcome.usage.finishedAtMs >= outcome.usage.startedAtMs && outcome.usage.peakMiB > 0);
});

test("an async step goes on from the artifacts before it", async () => {
  const outcome = good(await run("PlainFlow.middle", { inputs: single(await kept({ message: "hi" })) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "hi!" });
});

test("end takes no transition", async () => {
  assert.deepEqual(good(await run("PlainFlow.end")).taken, { kind: "end" });
});

test("what a step doesn't touch is not even read", async () => {
  const gone: ArtifactRef = { kind: "stored", sha256: parseSha256("a".repeat(64)), size: 9, type: "object", place: { kind: "blob" } };
  const outcome = good(await run("PlainFlow.pass", { inputs: single({ model: gone }) }));
  assert.deepEqual(outcome.artifacts, {});
});

test("a list that a step changes in place is kept as changed", async () => {
  const outcome = good(await run("PlainFlow.push", { inputs: single(await kept({ list: [1, 2, 3] })) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { list: [1, 2, 3, 4] });
});

test("what a step only reads is not kept again", async () => {
  const artifacts = await kept({ list: [1, 1.5, -0], table: new Map([["x", 1]]) });
  const outcome = good(await run("PlainFlow.readOnly", { inputs: single(artifacts) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { seen: 4 });
});

test("an artifact given on under another name keeps its reference", async () => {
  const artifacts = await kept({ list: Array.from({ length: 100_000 }, (_, i) => i) });
  const writes = store.writesCount;
  const outcome = good(await run("PlainFlow.reassign", { inputs: single(artifacts) }));
  assert.deepEqual(outcome.artifacts, { seen: artifacts["list"] });
  assert.equal(store.writesCount, writes);
});

test("parameters and constants cannot be assigned", async () => {
  const messages = await Promise.all(
    ["assignParameter", "assignConstant"].map(async (step) => {
      const { failure } = bad(await run(`PlainFlow.${step}`));
      return failure.kind === "userError" && failure.message;
    }),
  );
  assert.deepEqual(messages, [
    "this.rate cannot be assigned: a parameter is the same in every step; keep the value in an artifact of another name",
    "this.colours cannot be assigned: a field with a value is a constant, the same in every step; " +
      'for an artifact write "declare colours: TYPE" and set it in a step',
  ]);
});

test("the insides of parameters and constants cannot be changed", async () => {
  for (const step of ["changeParameter", "pushConstant"]) {
    const { failure } = bad(await run(`PlainFlow.${step}`));
    assert.match(JSON.stringify(failure), /TypeError.*(read only|not extensible)/);
  }
});

test("a TypeError about an artifact that nobody has set names the artifact", async () => {
  const { failure } = bad(await run("PlainFlow.readUnset"));
  assert.equal(
    failure.kind === "userError" && failure.message,
    "Cannot read properties of undefined (reading 'score') (this.model is not set: no step before this one has set it)",
  );
});

test("an artifact whose blob is gone is named in the error", async () => {
  const gone: ArtifactRef = { kind: "stored", sha256: parseSha256("a".repeat(64)), size: 9, type: "object", place: { kind: "blob" } };
  const { failure } = bad(await run("PlainFlow.readUnset", { inputs: single({ model: gone }) }));
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
    assert.deepEqual(bad(await run(`PlainFlow.${step}`)).failure, { kind: "badTransition", message });
  }
});

test("a static branch names its steps in the order of the arguments", async () => {
  assert.deepEqual(good(await run("PlainFlow.both")).taken, { kind: "branch", to: ["middle", "pass"] });
});

test("a foreach keeps its elements one by one", async () => {
  const { taken, artifacts } = good(await run("PlainFlow.fan"));
  assert.deepEqual(taken, { kind: "foreach", to: "child", elements: await keepElements(["a", "b", "c"], store) });
  assert.deepEqual(valuesOf(artifacts), { sets: ["a", "b", "c"] });
});

test("a foreach's child receives its element, its index and the stack", async () => {
  const elements = await keepElements(["x", "y"], store);
  assert.equal(elements.kind, "inline");
  const element = { kind: "inline" as const, base64: (elements.kind === "inline" && elements.base64[1]) || "" };
  const frames = [{ step: parseStepName("fan"), index: 1, count: 2, element }];
  const outcome = good(await run("PlainFlow.child", { frames, task: parseTaskId("child/1") }));
  assert.deepEqual(valuesOf(outcome.artifacts), { seen: ["y", "y", 1, [{ step: "fan", index: 1, count: 2, input: "y" }]] });
});

test("a switch follows the artifact, be it text, number or boolean", async () => {
  for (const [size, to] of [
    ["big", "middle"],
    [3, "pass"],
    [true, "end"],
  ] as const) {
    const outcome = good(await run("PlainFlow.choose", { inputs: single(await kept({ size })) }));
    assert.deepEqual(outcome.taken, { kind: "switch", value: String(size), to });
  }
  assert.deepEqual(bad(await run("PlainFlow.choose", { inputs: single(await kept({ size: "huge" })) })).failure, {
    kind: "badTransition",
    message: 'step choose: the switch looks at this.size, which is "huge"; its cases are 3, big, true',
  });
});

test("neither a switch nor a foreach takes a secret parameter, since both keep what they look at", async () => {
  const secret = async (name: string, value: unknown) => ({ secrets: [name], parameters: await kept({ [name]: value }) });
  const expected = {
    choose: [await secret("size", "big"), "this.size is a secret parameter, and a switch keeps the value that it looked at"],
    fanOverNothing: [await secret("sets", ["a"]), "this.sets is a secret parameter, and a foreach keeps the elements of its list"],
  } as const;
  for (const [step, [order, message]] of Object.entries(expected)) {
    assert.deepEqual(bad(await run(`PlainFlow.${step}`, order)).failure, {
      kind: "badTransition",
      message: `step ${step}: ${message}; set an artifact of another name for that`,
    });
  }
});

test("a value that cannot be kept is refused with the place inside it", async () => {
  const outcome = bad(await run("PlainFlow.keepsFunction", { keepOnFailure: true }));
  assert.equal(outcome.failure.kind, "refusedArtifact");
  assert.equal(outcome.failure.kind === "refusedArtifact" && `${outcome.failure.artifact}${outcome.failure.path}`, "seen.deep[0]");
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "kept" });
});

test("reserved names and names of steps cannot be artifacts", async () => {
  assert.match(JSON.stringify(bad(await run("PlainFlow.reserved")).failure), /this.index cannot be assigned.*reserved/);
  assert.match(JSON.stringify(bad(await run("PlainFlow.stepName")).failure), /refusedArtifact.*middle.* is a step of this flow/);
});

test("an exception becomes a user error with the author's frames and the causes", async () => {
  const { failure, artifacts } = bad(await run("PlainFlow.throws"));
  assert.ok(failure.kind === "userError");
  assert.deepEqual([failure.name, failure.message], ["RangeError", "too far"]);
  assert.match(failure.stack, /^RangeError: too far\n {4}at .*throws.*flow\.mjs/);
  assert.match(failure.stack, /\ncaused by Error: the reason/);
  assert.doesNotMatch(failure.stack, /sdk\/execute\/(execute-step|step-task)|node:/);
  assert.ok(failure.place?.file.endsWith("flow.mjs"));
  assert.deepEqual(artifacts, {});
});

test("what is thrown and is no Error is told as such", async () => {
  const { failure } = bad(await run("PlainFlow.throwsText"));
  assert.equal(failure.kind === "userError" && failure.message, "the step threw 'just text', which is no Error");
});

test("what a step set before it threw is kept where the failure will be caught, the catch variable excepted", async () => {
  const outcome = bad(await run("PlainFlow.throws", { keepOnFailure: true, catchVar: "seen" }));
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "before" });
});

test("the catch variable is undefined after a success, unless the step has set it", async () => {
  const before = await kept({ seen: "from an earlier step" });
  const outcome = good(await run("PlainFlow.start", { inputs: single(before), catchVar: "seen" }));
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "rate 0.5", _secret: "private", seen: undefined });
  const set = good(await run("PlainFlow.start", { catchVar: "message" }));
  assert.deepEqual(valuesOf(set.artifacts), { message: "rate 0.5", _secret: "private" });
});

test("a card is kept beside what the step set, also by a failing attempt whose failure will be caught", async () => {
  const withCard = { _card: { version: "card/v1", components: [{ kind: "markdown", text: "# shows" }] } };
  assert.deepEqual(valuesOf(good(await run("PlainFlow.shows")).artifacts), withCard);
  const parameters = { ...(await orderFor("PlainFlow", "shows")).parameters, ...(await kept({ rate: 2 })) };
  assert.deepEqual(valuesOf(bad(await run("PlainFlow.shows", { parameters, keepOnFailure: true })).artifacts), withCard);
  assert.deepEqual(bad(await run("PlainFlow.shows", { parameters })).artifacts, {});
});

test("no artifact takes the name of the card", async () => {
  const { failure } = bad(await run("PlainFlow.takesCardsName"));
  assert.match(describeFailure(failure), /"_card" is reserved: the card of a step is kept under this name; see current\.card/);
});

test("current tells where the step is", async () => {
  const reports: unknown[] = [];
  const outcome = good(await run("PlainFlow.tells", { attempt: 2 }, { tempDir: "/tmp/x", report: (progress) => reports.push(progress) }));
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
  const outcomes = await Promise.all([1, 2, 3].map((attempt) => run("PlainFlow.tells", { attempt })));
  assert.deepEqual(
    outcomes.map((outcome) => (valuesOf(outcome.artifacts)["seen"] as { attempt: number }).attempt),
    [1, 2, 3],
  );
});

test("an abort lets the step clean up, and its reason is the failure", async () => {
  const abort = new AbortController();
  const running = run("PlainFlow.waits", { keepOnFailure: true }, { signal: abort.signal, graceMs: 60_000 });
  setImmediate(() => setImmediate(() => abort.abort({ kind: "timeout", afterSeconds: 3 })));
  const outcome = bad(await running);
  assert.deepEqual(outcome.failure, { kind: "timeout", afterSeconds: 3 });
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "cleaned up" });
});

test("a step that doesn't react to the abort is left after its grace, with what it had set", async () => {
  const abort = new AbortController();
  const running = run("PlainFlow.hangs", { keepOnFailure: true }, { signal: abort.signal, graceMs: 1 });
  setImmediate(() => setImmediate(() => abort.abort(new Error("ann"))));
  const outcome = bad(await running);
  assert.deepEqual(outcome.failure, { kind: "cancelled", by: "ann" });
  assert.deepEqual(valuesOf(outcome.artifacts), { message: "hanging" });
});

test("time-outs are disarmed when the step's code is done, whatever came out", async () => {
  for (const step of ["start", "throws", "keepsFunction"]) {
    let done = 0;
    await run(`PlainFlow.${step}`, {}, { codeDone: () => done++ });
    assert.equal(done, 1);
  }
});

test("a subclass's step runs in place of its base's, which super still reaches", async () => {
  const trail = await kept({ trail: ["base start"] });
  const outcome = good(await run("ChildFlow.work", { inputs: single(trail) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { trail: ["base start", "child work 5 base", "base work"] });
});

test("a store that cannot be written fails the attempt as its own trouble, and the failure says why", async () => {
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
  assert.deepEqual(bad(outcome).failure, { kind: "store", message: "this store is set to fail as full" });
});
