// A value that was read and not changed keeps its reference; a changed one doesn't.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseTaskId } from "../../proto/ids.ts";
import { keepArtifacts } from "../artifact/keep.ts";
import { MemoryArtifactStore } from "../artifact/memory-store.ts";
import { ArtifactReader } from "./artifact-reader.ts";

const store = new MemoryArtifactStore();
const reader = new ArtifactReader(store, {});

async function readBack(value: unknown) {
  const ref = (await keepArtifacts(new Map([["x", value]]), store))["x"];
  assert.ok(ref);
  return { ref, value: reader.read("x", ref, "Flow/1/step/0") };
}

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
});

test("whatever can be kept keeps its reference as long as nobody changes it, so that merging by hash stays true", async () => {
  await fc.assert(
    fc.asyncProperty(anything, async (original) => {
      const { ref, value } = await readBack({ value: original });
      assert.equal(reader.refOf(value, "x"), ref);
    }),
    { numRuns: 500 },
  );
});

test("a change anywhere inside is seen", async () => {
  const original = { list: [1, 2], table: new Map([["a", { deep: new Date(0) }]]), bytes: new Float64Array(3), self: null as unknown };
  original.self = original;
  const changes: ((value: typeof original) => unknown)[] = [
    (value) => value.list.push(3),
    (value) => value.table.get("a")?.deep.setTime(5),
    (value) => (value.bytes[2] = 1),
    (value) => (value.self = null),
    (value) => Object.assign(value, { extra: undefined }),
    (value) => Object.assign(value, { list: () => 1 }),
  ];
  for (const change of changes) {
    const { ref, value } = await readBack(original);
    assert.equal(reader.refOf(value, "x"), ref);
    change(value as typeof original);
    assert.equal(reader.refOf(value, "x"), null);
  }
});

test("an error that was caught passes on as the reference that it is", () => {
  const ref = { kind: "caught", task: parseTaskId("a/1"), attempt: 2, failure: { kind: "signal", signal: "SIGKILL" } } as const;
  const value = reader.read("trainError", ref, "Flow/1/join/0");
  assert.ok(value instanceof Error && value.message === "killed by SIGKILL");
  assert.equal(reader.refOf(value, "first"), ref);
});

test("what was never read has no reference", () => {
  for (const value of [1, "a", null, undefined, {}, [1]]) assert.equal(reader.refOf(value, "x"), null);
});
