// What every artifact store must do. An adapter's own test calls this and adds what is peculiar to it.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { parseSha256 } from "../../proto/ids.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { ArtifactStoreError } from "./store.ts";
import type { ArtifactStore, BlockingReader, StoreProblem } from "./store.ts";

export type StoreUnderTest = {
  readonly store: ArtifactStore & Partial<BlockingReader>;
  /** Changes a byte of a blob behind the store's back. */
  corrupt(sha256: Sha256): Promise<void> | void;
  /** How many blobs have been written because they were not there. */
  writesCount(): Promise<number> | number;
  close(): Promise<void> | void;
};

/** `open` makes a store that is empty. */
export function describeArtifactStore(name: string, open: () => Promise<StoreUnderTest> | StoreUnderTest): void {
  const rule = (title: string, check: (under: StoreUnderTest) => Promise<void>): void => {
    test(title, async () => {
      const under = await open();
      try {
        await check(under);
      } finally {
        await under.close();
      }
    });
  };
  describe(`${name}: writing`, () => describeWriting(rule));
  describe(`${name}: reading`, () => describeReading(rule));
  describe(`${name}: wrong bytes`, () => describeWrongBytes(rule));
}

type Rule = (title: string, check: (under: StoreUnderTest) => Promise<void>) => void;

const absent = nameOf(Buffer.from("nobody wrote this"));
/** Not a multiple of anything that a store may cut its work into. */
const large = Buffer.alloc(5 * 1024 * 1024 + 17, "abcdefg");

function describeWriting(rule: Rule): void {
  rule("a blob is named by the SHA-256 of its bytes", async ({ store }) => {
    for (const bytes of [Buffer.from("a blob"), large, new Uint8Array(0)]) assert.equal(await store.put(bytes), nameOf(bytes));
  });

  rule("a stream is named by the SHA-256 of all its bytes, however they are cut", async ({ store }) => {
    for (const sizes of [[], [0], [1, 0, 3], [large.length], [1, 1024 * 1024, 1024 * 1024 + 1]]) {
      const bytes = large.subarray(0, sum(sizes));
      const stored = await store.putStream(cut(bytes, sizes));
      assert.deepEqual(stored, { sha256: nameOf(bytes), size: bytes.length });
      assert.deepEqual(Buffer.from(await store.get(stored.sha256)), bytes);
    }
  });

  rule("writing what is there writes nothing", async ({ store, writesCount }) => {
    await store.put(large);
    await store.put(large);
    await store.putStream(cut(large, [large.length]));
    assert.equal(await writesCount(), 1);
  });

  rule("concurrent writers of one blob all succeed, and it is there once and whole", async ({ store }) => {
    const names = await Promise.all(Array.from({ length: 16 }, (_, at) => (at % 2 === 0 ? store.put(large) : streamed(store))));
    assert.deepEqual(new Set(names), new Set([nameOf(large)]));
    assert.deepEqual(Buffer.from(await store.get(nameOf(large))), large);
  });

  rule("a stream that fails leaves no blob, and its error is the source's own", async ({ store, writesCount }) => {
    const failure = new Error("the source broke");
    async function* broken(): AsyncIterable<Uint8Array> {
      yield large;
      throw failure;
    }
    await assert.rejects(store.putStream(broken()), failure);
    assert.equal(await writesCount(), 0);
    assert.equal(await store.has(nameOf(large)), false);
  });

  rule("bytes that the caller changes after the write stay as they were in the store", async ({ store }) => {
    const bytes = Buffer.from([1, 2, 3]);
    const sha256 = await store.put(bytes);
    bytes[0] = 9;
    const read = await store.get(sha256);
    assert.deepEqual([...read], [1, 2, 3]);
    read[0] = 9;
    assert.deepEqual([...(await store.get(sha256))], [1, 2, 3]);
  });
}

function describeReading(rule: Rule): void {
  rule("a blob comes back as it was written: whole, in parts, as a stream", async ({ store }) => {
    for (const bytes of [Buffer.from("a blob"), large, Buffer.alloc(0)]) {
      const sha256 = await store.put(bytes);
      assert.deepEqual(Buffer.from(await store.get(sha256)), bytes);
      assert.deepEqual(await collect(store.stream(sha256)), bytes);
      if (store.getSync !== undefined) assert.deepEqual(Buffer.from(store.getSync(sha256)), bytes);
    }
  });

  rule("a part is the bytes from its offset on", async ({ store }) => {
    const sha256 = await store.put(large);
    for (const [offset, length] of [
      [0, 1],
      [3, 0],
      [1024 * 1024 - 1, 2],
      [7, 3 * 1024 * 1024],
      [large.length - 1, 1],
      [large.length, 0],
    ] as const) {
      const wanted = large.subarray(offset, offset + length);
      assert.deepEqual(Buffer.from(await store.get(sha256, { offset, length })), wanted);
      if (store.getSync !== undefined) assert.deepEqual(Buffer.from(store.getSync(sha256, { offset, length })), wanted);
    }
  });

  rule("parts of several blobs may be read in turns", async ({ store }) => {
    const first = await store.put(Buffer.from("first"));
    const second = await store.put(Buffer.from("second"));
    for (const [sha256, letter] of [
      [first, "f"],
      [second, "s"],
      [first, "f"],
    ] as const) {
      const part = store.getSync?.(sha256, { offset: 0, length: 1 }) ?? (await store.get(sha256, { offset: 0, length: 1 }));
      assert.equal(Buffer.from(part).toString(), letter);
    }
  });

  rule("a part beyond the end is refused, never shortened", async ({ store }) => {
    const sha256 = await store.put(Buffer.from("short"));
    await rejectsAs("corrupt", () => store.get(sha256, { offset: 3, length: 3 }));
    if (store.getSync !== undefined) await rejectsAs("corrupt", () => store.getSync?.(sha256, { offset: 3, length: 3 }));
  });

  rule("a blob that nobody wrote is missing, and the error names it", async ({ store }) => {
    await rejectsAs("missing", () => store.get(absent), absent);
    await rejectsAs("missing", () => store.get(absent, { offset: 0, length: 1 }), absent);
    await rejectsAs("missing", () => collect(store.stream(absent)), absent);
    if (store.getSync !== undefined) await rejectsAs("missing", () => store.getSync?.(absent), absent);
  });

  rule("has tells whether a blob is there", async ({ store }) => {
    assert.equal(await store.has(absent), false);
    assert.equal(await store.has(await store.put(Buffer.from("a blob"))), true);
  });
}

function describeWrongBytes(rule: Rule): void {
  const ways: Readonly<Record<string, (store: StoreUnderTest["store"], sha256: Sha256) => unknown>> = {
    "read whole": (store, sha256) => store.get(sha256),
    streamed: (store, sha256) => collect(store.stream(sha256)),
    "read by one who blocks": (store, sha256) => (store.getSync === undefined ? store.get(sha256) : store.getSync(sha256)),
  };
  for (const [way, read] of Object.entries(ways)) {
    rule(`are never returned when ${way}, and stay an error until the blob is written again`, async ({ store, corrupt }) => {
      const sha256 = await store.put(large);
      await corrupt(sha256);
      await rejectsAs("corrupt", () => read(store, sha256), sha256);
      await rejectsAs("corrupt", () => read(store, sha256), sha256);
      await store.put(large);
      assert.deepEqual(Buffer.from(await store.get(sha256)), large);
    });
  }
}

async function rejectsAs(problem: StoreProblem, act: () => unknown, mentioned = ""): Promise<void> {
  await assert.rejects(
    async () => act(),
    (error) => {
      assert.ok(error instanceof ArtifactStoreError, String(error));
      assert.equal(error.problem, problem, error.message);
      assert.ok(error.message.includes(mentioned), error.message);
      assert.match(error.message, /run the task that made it again/);
      return true;
    },
  );
}

function nameOf(bytes: Uint8Array): Sha256 {
  return parseSha256(createHash("sha256").update(bytes).digest("hex"));
}

async function streamed(store: ArtifactStore): Promise<Sha256> {
  return (await store.putStream(cut(large, [1000, large.length - 1000]))).sha256;
}

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncIterable<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
