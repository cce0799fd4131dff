import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { blobsOf, elementAt, inlineBytesMax, inlineElementsBytesMax, inlineTotalBytesMax, packedBytesMax } from "../../proto/artifact.ts";
import type { ArtifactRef, Elements, StoredRef } from "../../proto/artifact.ts";
import { parseTaskId } from "../../proto/ids.ts";
import { encode, identify, sizeOf } from "./codec.ts";
import { keepArtifacts, keepElements } from "./keep.ts";
import { MemoryArtifactStore } from "./memory-store.ts";
import { readArtifact, readArtifactSync, readElement, readElementSync } from "./read.ts";
import type { ByteRange } from "./store.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { TaskError } from "./task-error.ts";

/** Remembers what was read. */
class WatchedStore extends MemoryArtifactStore {
  readonly readBytes: number[] = [];
  override getSync(sha256: Sha256, range?: ByteRange): Uint8Array {
    const bytes = super.getSync(sha256, range);
    this.readBytes.push(bytes.length);
    return bytes;
  }
}

/** A text whose encoding has `size` bytes. */
function textOf(size: number, letter = "x"): string {
  let text = letter.repeat(size - 5);
  while (sizeOf(encode(text, "text")) > size) text = text.slice(1);
  assert.equal(sizeOf(encode(text, "text")), size);
  return text;
}

function stored(ref: ArtifactRef | undefined): StoredRef {
  assert.equal(ref?.kind, "stored");
  return ref;
}

async function placeOf(value: unknown): Promise<string> {
  const { it } = await keepArtifacts(new Map([["it", value]]), new MemoryArtifactStore());
  return stored(it).place.kind;
}

describe("where a value is kept", () => {
  test("inline up to the limit, and in the store above it", async () => {
    assert.equal(await placeOf(textOf(inlineBytesMax)), "inline");
    assert.equal(await placeOf(textOf(inlineBytesMax + 1)), "blob");
  });

  test("a store that is to hold everything gets what rides inline too, in the one pack of the task", async () => {
    class WholeStore extends MemoryArtifactStore {
      readonly keepsInline = true;
    }
    const store = new WholeStore();
    const kept = await keepArtifacts(
      new Map<string, unknown>([
        ["first", 17],
        ["middling", textOf(5000)],
        ["second", "text"],
      ]),
      store,
    );
    assert.equal(store.writesCount, 1);
    for (const [name, value] of [
      ["first", 17],
      ["second", "text"],
    ] as const) {
      const { place, size, sha256 } = stored(kept[name]);
      assert.ok(place.kind === "inline" && place.copy !== undefined);
      assert.equal(identify([await store.get(place.copy.pack, { offset: place.copy.offset, length: size })]), sha256);
      assert.equal(await readArtifact(stored(kept[name]), store), value);
      assert.deepEqual(blobsOf(stored(kept[name])), [place.copy.pack]);
    }
    assert.equal(await readArtifact(stored(kept["middling"]), store), textOf(5000));
    assert.deepEqual([await keepArtifacts(new Map(), store), store.writesCount], [{}, 1]);
  });

  test("inline values together stay within their limit; what comes after it goes into the pack", async () => {
    const names = Array.from({ length: inlineTotalBytesMax / inlineBytesMax + 2 }, (_, at) => `v${at}`);
    const store = new MemoryArtifactStore();
    const kept = await keepArtifacts(new Map(names.map((name) => [name, textOf(inlineBytesMax)])), store);
    const places = names.map((name) => stored(kept[name]).place.kind);
    assert.deepEqual(
      places.slice(0, -2),
      names.slice(0, -2).map(() => "inline"),
    );
    assert.deepEqual(places.slice(-2), ["pack", "pack"]);
    assert.equal(store.writesCount, 1);
  });

  test("a value that is too large for the rest of the inline room doesn't keep a smaller one out", async () => {
    const full = Array.from({ length: inlineTotalBytesMax / inlineBytesMax - 1 }, (_, at): [string, string] => [
      `v${at}`,
      textOf(inlineBytesMax),
    ]);
    const values = new Map<string, unknown>([...full, ["fits", textOf(1000)], ["doesn't", textOf(100)], ["small", 1]]);
    const kept = await keepArtifacts(values, new MemoryArtifactStore());
    assert.deepEqual(
      [...values.keys()].filter((name) => stored(kept[name]).place.kind !== "inline"),
      ["doesn't"],
    );
  });

  test("middling values share one pack, and one write", async () => {
    const store = new MemoryArtifactStore();
    const values = new Map<string, unknown>([
      ["a", textOf(2000, "a")],
      ["b", textOf(packedBytesMax, "b")],
      ["c", 1],
    ]);
    const kept = await keepArtifacts(values, store);
    const [a, b] = [stored(kept["a"]), stored(kept["b"])];
    assert.ok(a.place.kind === "pack" && b.place.kind === "pack");
    assert.equal(a.place.pack, b.place.pack);
    assert.deepEqual([a.place.offset, b.place.offset], [0, 2000]);
    assert.equal(store.writesCount, 1);
    for (const [name, value] of values) assert.deepEqual(readArtifactSync(stored(kept[name]), store), value);
  });

  test("a value above the pack's limit is a blob of its own", async () => {
    const store = new MemoryArtifactStore();
    const large = textOf(packedBytesMax + 1);
    const kept = await keepArtifacts(
      new Map<string, unknown>([
        ["a", textOf(2000)],
        ["b", textOf(2001)],
        ["large", large],
        ["array", new Float64Array(2_000_000)],
      ]),
      store,
    );
    assert.deepEqual(
      Object.values(kept).map((ref) => stored(ref).place.kind),
      ["pack", "pack", "blob", "blob"],
    );
    assert.equal(store.writesCount, 3);
    assert.deepEqual(readArtifactSync(stored(kept["array"]), store), new Float64Array(2_000_000));
  });

  test("references come in the order in which the values were set, and name each value's own hash", async () => {
    const values = new Map<string, unknown>([
      ["z", textOf(5000)],
      ["__proto__", 1],
      ["a", [1]],
      ["m", new Uint8Array(300_000)],
      ["b", textOf(6000)],
    ]);
    const kept = await keepArtifacts(values, new MemoryArtifactStore());
    assert.deepEqual(Object.keys(kept), [...values.keys()]);
    for (const [name, value] of values) {
      const ref = stored(Object.getOwnPropertyDescriptor(kept, name)?.value as ArtifactRef);
      const chunks = encode(value, name);
      assert.deepEqual([ref.sha256, ref.size], [identify(chunks), sizeOf(chunks)]);
    }
  });

  test("keeping the same values again writes nothing", async () => {
    const store = new MemoryArtifactStore();
    const values = new Map<string, unknown>([
      ["a", textOf(2000)],
      ["b", textOf(2001)],
      ["c", new Uint8Array(300_000)],
      ["d", new Uint8Array(9_000_000)],
    ]);
    const first = await keepArtifacts(values, store);
    const writesCount = store.writesCount;
    assert.deepEqual(await keepArtifacts(values, store), first);
    assert.equal(store.writesCount, writesCount);
  });

  test("values that all ride inline are kept without waiting for anything", async () => {
    const store = new MemoryArtifactStore();
    store.writeFault = "unreachable";
    let done = false;
    void keepArtifacts(
      new Map<string, unknown>([
        ["a", 1],
        ["b", "text"],
      ]),
      store,
    ).then(() => (done = true));
    await Promise.resolve();
    await Promise.resolve();
    assert.ok(done);
  });

  test("a store that fails fails the keeping", async () => {
    const store = new MemoryArtifactStore();
    store.writeFault = "full";
    for (const value of [textOf(2000), new Uint8Array(9_000_000)]) {
      await assert.rejects(keepArtifacts(new Map([["a", value]]), store), { problem: "full" });
    }
  });

  test("a refused value names its artifact and the place", async () => {
    const values = new Map<string, unknown>([
      ["good", 1],
      ["model", { layers: [{ activation: isNaN }] }],
    ]);
    await assert.rejects(keepArtifacts(values, new MemoryArtifactStore()), {
      name: "RefusedArtifactError",
      artifact: "model",
      path: ".layers[0].activation",
    });
  });
});

describe("reading", () => {
  test("gives back what was kept, wherever it is, blocking or not", async () => {
    const store = new MemoryArtifactStore();
    const values = fc.dictionary(
      fc.string({ minLength: 1 }),
      fc.oneof(
        fc.anything({ withMap: true, withDate: true }),
        fc.integer({ max: 600_000, min: 0 }).map((length) => new Uint8Array(length)),
      ),
    );
    await fc.assert(
      fc.asyncProperty(values, async (record) => {
        const kept = await keepArtifacts(new Map(Object.entries(record)), store);
        for (const [name, ref] of Object.entries(kept)) {
          assert.deepStrictEqual(readArtifactSync(ref, store), record[name]);
          assert.deepStrictEqual(await readArtifact(ref, store), record[name]);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("one value of a pack reads only its bytes, and refuses wrong ones", async () => {
    const store = new WatchedStore();
    const kept = await keepArtifacts(
      new Map([
        ["a", textOf(2000)],
        ["b", textOf(3000)],
      ]),
      store,
    );
    const a = stored(kept["a"]);
    assert.ok(a.place.kind === "pack");
    readArtifactSync(a, store);
    assert.deepEqual(store.readBytes, [2000]);
    store.corrupt(a.place.pack);
    assert.throws(() => readArtifactSync(a, store), { problem: "corrupt", message: /not those that were stored; run the task/ });
    await assert.rejects(readArtifact(a, store), { problem: "corrupt" });
    readArtifactSync(stored(kept["b"]), store);
  });

  test("what a catch left is an error that says what failed, where and why", () => {
    const failure = {
      kind: "userError",
      name: "TypeError",
      message: "no rate",
      stack: "TypeError: no rate\n    at train (flow.ts:9:3)",
      place: null,
    } as const;
    const error = readArtifactSync({ kind: "caught", task: parseTaskId("train/2"), attempt: 1, failure }, new MemoryArtifactStore());
    assert.ok(error instanceof TaskError && error instanceof Error);
    assert.deepEqual(
      [error.message, error.kind, error.task, error.attempt, error.stack],
      ["TypeError: no rate", "userError", "train/2", 1, failure.stack],
    );
    assert.equal(error.failure, failure);
  });

  test("an error that a catch left can be kept as a value again", async () => {
    const caught = new TaskError({
      kind: "caught",
      task: parseTaskId("train/2"),
      attempt: 0,
      failure: { kind: "timeout", afterSeconds: 5 },
    });
    const store = new MemoryArtifactStore();
    const { it } = await keepArtifacts(new Map([["it", caught]]), store);
    const back = readArtifactSync(stored(it), store);
    assert.ok(back instanceof Error);
    assert.equal(String(back), "TaskError: timed out after 5 s");
    assert.equal(Reflect.get(back, "kind"), "timeout");
  });
});

describe("the elements of a foreach", () => {
  const many = Array.from({ length: 20_000 }, (_, index) => ({ index, name: `set ${index}` }));

  async function packed(store: MemoryArtifactStore, values: readonly unknown[]): Promise<Extract<Elements, { kind: "pack" }>> {
    const elements = await keepElements(values, store);
    assert.ok(elements.kind === "pack");
    return elements;
  }

  test("ride inline up to their limit, and are packed above it", async () => {
    const store = new MemoryArtifactStore();
    const halves = [textOf(inlineElementsBytesMax / 2), textOf(inlineElementsBytesMax / 2)];
    const inline = await keepElements(halves, store);
    assert.equal(inline.kind, "inline");
    assert.equal(readElementSync(elementAt(inline, 1), store), halves[1]);
    assert.equal(await readElement(elementAt(inline, 0), store), halves[0]);
    assert.equal(store.writesCount, 0);
    assert.equal((await keepElements([...halves, 1], store)).kind, "pack");
    assert.deepEqual(await keepElements([], store), { kind: "inline", base64: [] });
  });

  test("one of many is read with two small reads", async () => {
    const store = new WatchedStore();
    const elements = await packed(store, many);
    assert.equal(elements.count, many.length);
    for (const index of [0, 1, 9_999, many.length - 1]) {
      store.readBytes.length = 0;
      assert.deepEqual(readElementSync(elementAt(elements, index), store), many[index]);
      assert.equal(store.readBytes.length, 2);
      assert.ok(store.readBytes.every((bytes) => bytes < 100));
      assert.deepEqual(await readElement(elementAt(elements, index), store), many[index]);
    }
  });

  test("large and small ones stand side by side", async () => {
    const store = new MemoryArtifactStore();
    const values = [1, new Float64Array(400_000).fill(1), "a", new Float64Array(10), new Uint8Array(3_000_000).fill(2), textOf(70_000)];
    const elements = await packed(store, values);
    for (const [index, value] of values.entries()) assert.deepEqual(readElementSync(elementAt(elements, index), store), value);
  });

  test("wrong bytes are refused", async () => {
    const store = new MemoryArtifactStore();
    const [first, ...others] = [textOf(40_000), ...many];
    const elements = await packed(store, [first, ...others]);
    store.corrupt(elements.pack);
    assert.throws(() => readElementSync(elementAt(elements, 0), store), { name: "ArtifactStoreError", problem: "corrupt" });
  });

  test("a refused one names its list and its index", async () => {
    await assert.rejects(keepElements([1, { f: isNaN }], new MemoryArtifactStore(), "sets"), { artifact: "sets", path: "[1].f" });
  });
});
