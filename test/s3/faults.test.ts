// What the stores over S3 make of a network and a server that fail: every rule holds with credentials and over granted URLs.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import type { Sha256 } from "../../proto/ids.ts";
import { parseSha256 } from "../../proto/ids.ts";
import type { ArtifactStore } from "../../sdk/artifact/store.ts";
import type { Fault } from "../aws/faults.ts";
import { bucket, keyIn, TestStores } from "./fixture.ts";

const pieceBytes = 64 * 1024;
const small = Buffer.from("a small blob");
const middling = Buffer.alloc(60_000, "middling");
const large = Buffer.alloc(5 * pieceBytes + 17, "0123456789abcdefg");

type Rule = (stores: TestStores, store: ArtifactStore) => Promise<void>;

function rule(title: string, check: Rule): void {
  for (const access of ["role", "presigned"] as const) {
    test(`${title} (${access})`, { timeout: 25_000 }, async () => {
      const options = { pieceBytes, timeouts: { idleMs: 300 }, pacing: { idleMs: 300 } };
      await using stores = await TestStores.open(options);
      await check(stores, access === "role" ? stores.store : stores.presigned(options));
    });
  }
}

describe("writing", () => {
  const passing: readonly Fault[] = [
    { kind: "error", status: 503, code: "SlowDown" },
    { kind: "error", status: 500, code: "InternalError" },
    { kind: "error", status: 409, code: "ConditionalRequestConflict" },
    { kind: "error", status: 400, code: "RequestTimeout" },
    { kind: "reset" },
    { kind: "hang" },
    { kind: "flip", at: 5 },
  ];
  for (const fault of passing) {
    rule(`goes on after ${describeFault(fault)}`, async ({ server }, store) => {
      server.faults.add({ fault, methods: ["PUT"], times: 2 });
      assert.equal(await store.put(small), nameOf(small));
      assert.equal((await store.putStream(chunks(large))).sha256, nameOf(large));
      await soundAfter(server, store);
      assert.equal(server.faults.hits.get(fault.kind), 2);
    });
  }

  for (const fault of [{ kind: "dropAfter" }, { kind: "errorAfter", status: 500, code: "InternalError" }] as const) {
    rule(`that was done but not answered (${fault.kind}) is success, and is not done twice`, async ({ server }, store) => {
      server.faults.add({ fault, methods: ["PUT"], times: 3 });
      assert.equal(await store.put(small), nameOf(small));
      assert.equal(await store.put(large), nameOf(large));
      await soundAfter(server, store);
      assert.equal(new Set(server.writes).size, server.writes.length);
      assert.equal(server.faults.hits.get(fault.kind), 3);
    });
  }

  rule("waits longer from try to try, by chance, and gives up in the end, saying what to do", async ({ server, waits }, store) => {
    server.faults.add({ fault: { kind: "error", status: 503, code: "SlowDown" } });
    await assert.rejects(store.put(small), {
      name: "ArtifactStoreError",
      problem: "unreachable",
      message: /^blob [0-9a-f]{64} could not be written \(.*\): 503 SlowDown.*; the server did not manage for as long as it was asked/,
    });
    assert.deepEqual(waits.slice(0, 8), waits.length === 0 ? [] : [75, 150, 300, 600, 1200, 2400, 3750, 3750]);
  });

  rule("a large blob whose upload broke off is not there; its pieces are not sent again", async ({ server }, store) => {
    const isPiece = (key: string): boolean => !key.endsWith(".pieces");
    server.faults.add({ fault: { kind: "error", status: 403, code: "AccessDenied" }, methods: ["PUT"], matches: "pieces$" });
    await assert.rejects(store.put(large), { problem: "denied" });
    assert.equal(await store.has(nameOf(large)), false);
    await assert.rejects(store.get(nameOf(large)), { problem: "missing" });
    const sent = server.writes.filter(isPiece).length;
    server.faults.clear();
    await store.put(large);
    assert.equal(server.writes.filter(isPiece).length, sent);
    await soundAfter(server, store);
  });

  rule("pieces that fail for good end the upload with their own error", async ({ server }, store) => {
    server.faults.add({ fault: { kind: "error", status: 507, code: "InsufficientStorage" }, methods: ["PUT"], skip: 2 });
    await assert.rejects(store.putStream(chunks(large)), { problem: "full", message: /quota is used up/ });
  });
});

describe("a large blob", () => {
  rule("whose last piece could not be written has no list either", async ({ server }, store) => {
    server.faults.add({ fault: { kind: "error", status: 507, code: "InsufficientStorage" }, methods: ["PUT"], skip: 5 });
    await assert.rejects(store.putStream(chunks(large)), { problem: "full" });
    assert.ok(server.requests.every((line) => !(line.startsWith("PUT") && line.endsWith(".pieces"))));
  });
});

describe("reading", () => {
  const passing: readonly Fault[] = [
    { kind: "error", status: 503, code: "SlowDown" },
    { kind: "error", status: 404, code: "NoSuchKey" },
    { kind: "reset" },
    { kind: "hang" },
    { kind: "flip", at: 3 },
    { kind: "truncate", afterBytes: 1000 },
  ];
  for (const fault of passing) {
    rule(`gives the right bytes after ${describeFault(fault)}`, async ({ server, store: writer }, store) => {
      const names = [await writer.put(middling), await writer.put(large)] as const;
      server.faults.add({ fault, methods: ["GET"], times: 1, matches: names[0] });
      server.faults.add({ fault, methods: ["GET"], times: 1, matches: nameOf(large.subarray(pieceBytes, 2 * pieceBytes)) });
      assert.deepEqual(Buffer.from(await store.get(names[0])), middling);
      assert.deepEqual(Buffer.from(await store.get(names[1])), large);
    });
  }

  rule("goes on where a body was cut, again and again, and asks for no byte twice", async ({ server, store: writer }, store) => {
    const sha256 = await writer.put(middling);
    for (let cut = 0; cut < 5; cut += 1) server.faults.add({ fault: { kind: "truncate", afterBytes: 9000 }, methods: ["GET"], times: 1 });
    assert.deepEqual(await collect(store.stream(sha256)), middling);
    const begins = server.requests.flatMap((line) => (line.startsWith("GET") ? [Number(/bytes=(\d+)-/.exec(line)?.[1] ?? 0)] : []));
    assert.equal(begins.length, 6);
    assert.ok(
      begins.every((begin, at) => begin === at * 9000),
      begins.join(),
    );
    server.faults.add({ fault: { kind: "truncate", afterBytes: 10 }, methods: ["GET"], times: 1 });
    assert.deepEqual(Buffer.from(await store.get(sha256, { offset: 100, length: 50 })), middling.subarray(100, 150));
  });

  rule("says which piece of a blob is missing", async ({ server, store: writer }, store) => {
    const name = await writer.put(large);
    const piece = nameOf(large.subarray(0, pieceBytes));
    server.bucket(bucket).delete(keyIn(piece));
    await assert.rejects(store.get(name), { problem: "missing", message: new RegExp(`blob ${name}: its piece ${piece} is not in`) });
  });

  rule("never gives wrong bytes, however often they come", async ({ server, store: writer }, store) => {
    const names = [await writer.put(middling), await writer.put(large)];
    server.faults.add({ fault: { kind: "flip", at: 3 }, methods: ["GET"] });
    for (const name of names) {
      await assert.rejects(store.get(name), { problem: "corrupt" });
      await assert.rejects(collect(store.stream(name)), { problem: "corrupt" });
    }
  });

  rule("finds out when the pieces are right but are not the blob's", async ({ server, store: writer }, store) => {
    const [a, b] = [large, Buffer.alloc(large.length, "x")] as const;
    const [nameA, nameB] = [await writer.put(a), await writer.put(b)];
    const { objects } = server.bucket(bucket);
    const list = objects.get(`${keyIn(nameA)}.pieces`);
    assert.ok(list?.content.kind === "memory");
    // A list that is whole in itself, and says that B consists of A's pieces.
    const lines = list.content.bytes.toString().replace(nameA, nameB).split("\n").slice(0, -2).join("\n");
    const bytes = Buffer.from(`${lines}\n${nameOf(Buffer.from(`${lines}\n`))}\n`);
    objects.set(`${keyIn(nameB)}.pieces`, { ...list, content: { ...list.content, bytes, size: bytes.length } });
    await assert.rejects(store.get(nameB), { problem: "corrupt" });
    await assert.rejects(collect(store.stream(nameB)), { problem: "corrupt" });
  });
});

test(
  "with one request in twenty lost in any way, everything that is written is right and everything read is too",
  { timeout: 60_000 },
  async () => {
    for (const seed of [1, 2]) {
      await using stores = await TestStores.open({ pieceBytes }, { seed });
      const share = 0.05;
      for (const fault of [
        { kind: "errorAfter", status: 500, code: "InternalError" },
        { kind: "dropAfter" },
        { kind: "error", status: 503, code: "SlowDown" },
        { kind: "reset" },
      ] as const) {
        stores.server.faults.add({ fault, share });
      }
      stores.server.faults.add({ fault: { kind: "truncate", afterBytes: 700 }, methods: ["GET"], share });
      const blobs = Array.from({ length: 30 }, (_, at) => Buffer.alloc(at * 7000 + 1, `${seed}-${at}`));
      for (const store of [stores.store, stores.presigned({ pieceBytes })]) {
        const names = await Promise.all(blobs.map((bytes) => store.put(bytes)));
        assert.deepEqual(names, blobs.map(nameOf));
        for (const [at, name] of names.entries()) assert.deepEqual(Buffer.from(await store.get(name)), blobs[at]);
      }
      assert.ok([...stores.server.faults.hits.values()].reduce((sum, count) => sum + count, 0) > 10, `seed ${seed}`);
    }
  },
);

async function soundAfter(server: TestStores["server"], store: ArtifactStore): Promise<void> {
  server.faults.clear();
  for (const bytes of [small, large]) {
    if (await store.has(nameOf(bytes))) assert.deepEqual(Buffer.from(await store.get(nameOf(bytes))), bytes);
  }
  assert.ok(await store.has(nameOf(large)));
}

function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case "error":
      return `${fault.status} ${fault.code}`;
    case "reset":
      return "a connection that was reset";
    case "hang":
      return "silence";
    case "flip":
      return "a bit that changed on its way";
    case "truncate":
      return "a body that was cut";
    case "dropAfter":
    case "errorAfter":
    case "latency":
      return fault.kind;
    default:
      throw new Error(`no words for ${String(fault)}`);
  }
}

function nameOf(bytes: Uint8Array): Sha256 {
  return parseSha256(createHash("sha256").update(bytes).digest("hex"));
}

async function* chunks(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}
