import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import type { ArtifactRef } from "../../proto/artifact.ts";
import { blobsOf, blobsOfElement, blobsOfElements, elementAt, inlineElementsBytesMax, inlineTotalBytesMax } from "../../proto/artifact.ts";
import { encode } from "./codec.ts";
import { artifact } from "./file.ts";
import type { ArtifactFile } from "./file.ts";
import { keepArtifacts, keepElements } from "./keep.ts";
import { MemoryArtifactStore } from "./memory-store.ts";
import { readArtifact, readArtifactSync, readElementSync } from "./read.ts";
import type { ArtifactStore } from "./store.ts";

const scratch = mkdtempSync(join(tmpdir(), "stepwell-files-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const content = Buffer.alloc(9 * 1024 * 1024 + 3, "weights;");

function fileOf(bytes: Uint8Array): string {
  const path = join(mkdtempSync(join(scratch, "made-")), "model.bin");
  writeFileSync(path, bytes);
  return path;
}

async function keep(value: unknown, store: ArtifactStore): Promise<ArtifactRef> {
  const { it } = await keepArtifacts(new Map([["it", value]]), store);
  assert.ok(it !== undefined);
  return it;
}

function asFile(value: unknown): ArtifactFile {
  assert.ok(typeof value === "object" && value !== null && "path" in value && "sha256" in value);
  return value as ArtifactFile;
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe("a file as an artifact", () => {
  for (const bytes of [content, Buffer.alloc(0)]) {
    test(`of ${bytes.length} bytes comes back in every way it can be read`, async () => {
      const store = new MemoryArtifactStore();
      const ref = await keep(artifact.file(fileOf(bytes)), store);
      assert.equal(ref.kind === "stored" && ref.type, "file");
      const file = asFile(readArtifactSync(ref, store));
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      assert.deepEqual([file.name, file.size, file.sha256], ["model.bin", bytes.length, sha256]);
      assert.deepEqual(readFileSync(file.path()), bytes);
      assert.deepEqual(Buffer.from(file.bytes()), bytes);
      assert.equal(file.text(), bytes.toString());
      assert.deepEqual(await collect(file.stream()), bytes);
    });
  }

  test("can be used like a stored one before its step has ended", async () => {
    const file = artifact.file(fileOf(content));
    assert.deepEqual(
      [file.name, file.size, file.sha256],
      ["model.bin", content.length, createHash("sha256").update(content).digest("hex")],
    );
    assert.deepEqual(Buffer.from(file.bytes()), content);
    assert.equal(file.text(), content.toString());
    assert.deepEqual(await collect(file.stream()), content);
    assert.deepEqual(readFileSync(file.path()), content);
  });

  test("may stand inside a value or be an element of a foreach", async () => {
    const store = new MemoryArtifactStore();
    const files = [artifact.file(fileOf(Buffer.from("a"))), artifact.file(fileOf(Buffer.from("b")))];
    const back = readArtifactSync(await keep({ files, again: files[1] }, store), store) as { files: ArtifactFile[]; again: ArtifactFile };
    assert.deepEqual(
      back.files.map((file) => file.text()),
      ["a", "b"],
    );
    assert.equal(back.again, back.files[1]);
    const elements = await keepElements(files, store);
    assert.equal(asFile(readElementSync(elementAt(elements, 1), store)).text(), "b");
  });

  test("is named in the reference, and so is its size: nobody has to decode a value to learn which blobs it needs", async () => {
    const store = new MemoryArtifactStore();
    const [a, b] = [artifact.file(fileOf(content)), artifact.file(fileOf(Buffer.from("b")))];
    const [shaA, shaB] = [a.sha256, b.sha256];
    const ref = await keep(a, store);
    assert.ok(ref.kind === "stored");
    assert.deepEqual([ref.size, ref.blobs], [content.length, [shaA]]);
    const inside = await keep({ best: a, all: [a, b] }, store);
    assert.ok(inside.kind === "stored");
    assert.deepEqual(inside.blobs, [shaA, shaB]);
    assert.deepEqual(blobsOf(await keep({ plain: 1 }, store)), []);
    for (const padding of [0, inlineElementsBytesMax]) {
      const elements = await keepElements([1, { b }, "x".repeat(padding), a], store);
      assert.deepEqual(elements.blobs, { 1: [shaB], 3: [shaA] });
      const pack = elements.kind === "pack" ? [elements.pack] : [];
      assert.deepEqual(blobsOfElements(elements), [...pack, shaB, shaA]);
      assert.deepEqual(blobsOfElement(elementAt(elements, 3)), [...pack, shaA]);
      assert.deepEqual(blobsOfElement(elementAt(elements, 0)), pack);
    }
  });

  test("comes back out of a pack, where its reference does not ride inline", async () => {
    const store = new MemoryArtifactStore();
    const full = Array.from({ length: inlineTotalBytesMax / 1000 }, (_, at): [string, unknown] => [`full${at}`, `${at}`.padEnd(1000)]);
    const files = ["c", "d", "e", "a", "b"].map((name): [string, unknown] => [name, artifact.file(fileOf(Buffer.from(name)))]);
    const kept = await keepArtifacts(new Map([...full, ...files, ["large", "x".repeat(5000)]]), store);
    const ref = kept["b"];
    assert.ok(ref?.kind === "stored" && ref.place.kind === "pack", JSON.stringify(ref));
    assert.equal(ref.size, 1);
    assert.equal(asFile(readArtifactSync(ref, store)).text(), "b");
    assert.deepEqual(blobsOf(ref), [ref.place.pack, createHash("sha256").update("b").digest("hex")]);
  });

  test("that is passed on, alone or inside another value, is neither read nor written again", async () => {
    const store = new MemoryArtifactStore();
    const ref = await keep(artifact.file(fileOf(content)), store);
    const file = readArtifactSync(ref, store);
    const { writesCount } = store;
    store.get = () => assert.fail("it was read");
    assert.deepEqual(await keep(file, store), ref);
    await keep({ best: file }, store);
    assert.equal(store.writesCount, writesCount);
  });

  test("that several artifacts hold is stored once", async () => {
    const store = new MemoryArtifactStore();
    let streams = 0;
    const putStream = store.putStream.bind(store);
    store.putStream = (source) => {
      streams += 1;
      return putStream(source);
    };
    const file = artifact.file(fileOf(content));
    const kept = await keepArtifacts(
      new Map<string, unknown>([
        ["a", file],
        ["b", [file, file]],
      ]),
      store,
    );
    assert.equal(streams, 1);
    assert.deepEqual(await keepArtifacts(new Map([["a", file]]), store), { a: kept["a"] });
  });

  test("each reader's copy is its own", async () => {
    const store = new MemoryArtifactStore();
    const ref = await keep(artifact.file(fileOf(Buffer.from("model"))), store);
    const [first, second] = [asFile(readArtifactSync(ref, store)), asFile(readArtifactSync(ref, store))];
    writeFileSync(first.path(), "changed");
    assert.equal(first.path(), first.path());
    assert.equal(readFileSync(second.path(), "utf8"), "model");
    assert.equal(first.text(), "model");
  });

  test("is copied into the folder that its reader names", async () => {
    const store = new MemoryArtifactStore();
    const ref = await keep(artifact.file(fileOf(Buffer.from("model"))), store);
    const folder = mkdtempSync(join(scratch, "task-"));
    const path = asFile(readArtifactSync(ref, store, { filesFolder: () => folder })).path();
    assert.equal(dirname(dirname(path)), folder);
  });

  test("with wrong bytes is refused and leaves no copy", async () => {
    const store = new MemoryArtifactStore();
    const ref = await keep(artifact.file(fileOf(content)), store);
    const folder = mkdtempSync(join(scratch, "task-"));
    const file = asFile(readArtifactSync(ref, store, { filesFolder: () => folder }));
    store.corrupt(file.sha256);
    assert.throws(() => file.path(), { problem: "corrupt", message: /file model.bin: .*run its step again/ });
    assert.throws(() => file.bytes(), { problem: "corrupt" });
    await assert.rejects(collect(file.stream()), { problem: "corrupt" });
  });

  test("of a store that cannot block is read by streaming, and says so", async () => {
    const memory = new MemoryArtifactStore();
    const store: ArtifactStore = {
      put: (bytes) => memory.put(bytes),
      putStream: (source) => memory.putStream(source),
      get: (sha256, range) => memory.get(sha256, range),
      stream: (sha256) => memory.stream(sha256),
      has: (sha256) => memory.has(sha256),
    };
    const file = asFile(await readArtifact(await keep(artifact.file(fileOf(content)), store), store));
    assert.throws(() => file.path(), /cannot be read while the program waits; use stream\(\)/);
    assert.deepEqual(await collect(file.stream()), content);
  });

  test("that isn't there is an error where it is named", () => {
    assert.throws(() => artifact.file(join(scratch, "nowhere.bin")), /there is no file .*nowhere\.bin; write it before/);
    assert.throws(() => artifact.file(scratch), /there is no file/);
  });

  test("that is gone when its step ends is refused with the artifact's name", async () => {
    const path = fileOf(content);
    const file = artifact.file(path);
    rmSync(path);
    await assert.rejects(keep({ file }, new MemoryArtifactStore()), {
      name: "RefusedArtifactError",
      artifact: "it",
      message: /model\.bin could not be read when the step ended/,
    });
    assert.equal(existsSync(path), false);
  });

  test("has to be stored before its bytes name it", () => {
    assert.throws(() => encode(artifact.file(fileOf(content)), "model"), {
      name: "RefusedArtifactError",
      message: /model\.bin, which is not stored yet/,
    });
  });
});
