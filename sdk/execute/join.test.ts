// What a join finds in its inputs, and what mergeArtifacts takes over.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ArtifactRef } from "../../proto/artifact.ts";
import { parseRunId, parseStepName, parseTaskId, type Sha256 } from "../../proto/ids.ts";
import type { JoinInput } from "../../proto/order.ts";
import { bad, branchJoin, foreachJoin, good, run, store, valuesOf } from "../../test/attempt.ts";
import { keepArtifacts, keepElements } from "../artifact/keep.ts";
import { MemoryArtifactStore } from "../artifact/memory-store.ts";
import type { ReadAhead } from "../artifact/store.ts";
import { ArtifactReader } from "./artifact-reader.ts";
import { buildInputs } from "./join-inputs.ts";

test("a join finds its inputs in order, with parameters, and takes over nothing by itself", async () => {
  const inputs = await foreachJoin([{ score: 3 }, { score: 9 }, { score: 5 }], { same: "s" });
  const outcome = good(await run("JoinFlow.join", { inputs }));
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
  const outcome = good(await run("JoinFlow.join", { inputs: { ...inputs, inputs: [...inputs.inputs, second] } }));
  assert.deepEqual(valuesOf(outcome.artifacts)["best"], { order: [3, undefined], best: 3, length: 2, first: 3, offset: 10 });
});

test("the inputs of a branch are there by the name of its first step", async () => {
  const outcome = good(await run("JoinFlow.byName", { inputs: await branchJoin({ score: 1 }, { score: 2 }) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { best: [1, 2] });
});

test("mergeArtifacts takes what the inputs agree on and the join has not set, also where only some have it", async () => {
  const inputs = await branchJoin({ score: 1, other: "only here" }, { score: 2 }, { same: "s" });
  const outcome = good(await run("JoinFlow.merge", { inputs }));
  assert.deepEqual(valuesOf(outcome.artifacts), { score: 100, best: "s", same: "s", other: "only here" });
});

test("a merge with conflicts names them and takes over nothing", async () => {
  const outcome = bad(
    await run("JoinFlow.mergeAll", { inputs: await branchJoin({ score: 1 }, { score: 2 }, { same: "s" }), keepOnFailure: true }),
  );
  assert.equal(
    outcome.failure.kind === "userError" && outcome.failure.message,
    'mergeArtifacts: the inputs have different values of score; set them in the join before the call, or exclude: ["score"]',
  );
  assert.deepEqual(outcome.artifacts, {});
});

test("mergeArtifacts with include takes only those, and refuses names that no input has", async () => {
  const inputs = await branchJoin({ score: 1 }, { score: 2 }, { same: "s" });
  assert.deepEqual(valuesOf(good(await run("JoinFlow.mergeSome", { inputs })).artifacts), { same: "s" });
  const { failure } = bad(await run("JoinFlow.mergeMissing", { inputs }));
  assert.match(JSON.stringify(failure), /no input has best/);
});

test("mergeArtifacts is refused outside a join", async () => {
  assert.match(
    JSON.stringify(bad(await run("JoinFlow.mergeOutsideJoin")).failure),
    /mergeArtifacts is for joins, and step mergeOutsideJoin is none/,
  );
});

test("an input knows its index and its element", async () => {
  const inputs = await foreachJoin([{ score: 1 }, {}]);
  assert.ok(inputs.kind === "join");
  const elements = await keepElements(["x", "y"], store);
  const outcome = good(await run("JoinFlow.places", { inputs: { ...inputs, elements } }));
  assert.deepEqual(valuesOf(outcome.artifacts)["best"], [
    [0, "x", true],
    [1, "y", false],
  ]);
});

test("an input cannot be written to", async () => {
  const { failure } = bad(await run("JoinFlow.writesInput", { inputs: await foreachJoin([{ score: 1 }]) }));
  assert.match(JSON.stringify(failure), /the inputs of a join are read-only; set this.score of the join instead/);
});

test("the join of an empty foreach has no inputs and sees what was there before the foreach", async () => {
  const outcome = good(await run("JoinFlow.countsInputs", { inputs: await foreachJoin([], { same: "before" }) }));
  assert.deepEqual(valuesOf(outcome.artifacts), { best: [0, "before"] });
});

class FarStore extends MemoryArtifactStore implements ReadAhead {
  readonly told: Sha256[][] = [];
  readAhead(blobs: readonly Sha256[]): void {
    this.told.push([...blobs]);
  }
}

test("a join that reads its inputs one after another has those that follow fetched ahead, each once and not too many", async () => {
  const far = new FarStore();
  const rows: JoinInput[] = [];
  for (let at = 0; at < 12; at += 1) {
    const own = await keepArtifacts(new Map([["big", String(at).repeat(2000)]]), far);
    rows.push({ task: parseTaskId(`a/${at}`), branch: parseStepName("a"), own, missing: [] });
  }
  const blobs = rows.map(({ own }) => (own["big"]?.kind === "stored" ? own["big"].sha256 : null));
  const reader = new ArtifactReader(far, {});
  const base = {
    run: parseRunId("JoinFlow/1"),
    split: "foreach",
    base: {},
    inputs: rows,
    flow: {},
    parameters: [],
    reader,
    index: null,
  } as const;
  const inputs = buildInputs({ ...base, elementAt: () => undefined });
  Reflect.get(inputs[7] ?? {}, "big");
  assert.deepEqual(far.told, []);
  for (const input of inputs.slice(0, 7)) Reflect.get(input, "big");
  assert.deepEqual(far.told[0], blobs.slice(2, 10));
  assert.deepEqual(far.told.flat(), blobs.slice(2));
});
