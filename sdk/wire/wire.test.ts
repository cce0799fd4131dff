import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import fc from "fast-check";
import { addressText, parseAddress, socketAddress } from "./address.ts";
import { Batcher, type BatchStream } from "./batcher.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { pack, unpack } from "./packing.ts";
import {
  readControlReply,
  readControlRequest,
  readFollowReply,
  writeControlReply,
  writeControlRequest,
  writeFollowReply,
} from "./services.ts";
import { readCoordinatorItems, readWorkerItems, writeCoordinatorItem, writeWorkerItem } from "./worker-codec.ts";
import type { CoordinatorItem, WorkerItem } from "./worker-items.ts";

const text = fc.oneof(fc.string({ unit: "binary" }), fc.constant("x".repeat(200)), fc.constant("ü".repeat(60)));
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const lease = fc.oneof(fc.maxSafeNat(), fc.nat(300));
const bytes = fc.oneof(fc.uint8Array(), fc.uint8Array({ minLength: 120, maxLength: 140 }), fc.constant(new Uint8Array(70_000).fill(7)));
const double = fc.double({ noNaN: true }).map((value) => (value === 0 ? 0 : value));
const held = fc.record({ run: text, task: text, attempt: uint32, lease }, { noNullPrototype: true });
const labels = fc
  .dictionary(text, text, { noNullPrototype: true })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([name]) => name !== "__proto__")));
/** All but what a worker says only where it was launched. */
const helloKeys = [
  "worker",
  "host",
  "pid",
  "version",
  "protocol",
  "oldestProtocol",
  "slots",
  "cpu",
  "memoryMiB",
  "gpu",
  "labels",
  "pool",
  "unbounded",
  "held",
  "runs",
] as const;
const hello = fc.record(
  {
    worker: text,
    host: text,
    pid: uint32,
    version: text,
    protocol: uint32,
    oldestProtocol: uint32,
    slots: uint32,
    cpu: double,
    memoryMiB: double,
    gpu: double,
    labels,
    pool: fc.constantFrom("", "gpu"),
    unbounded: fc.boolean(),
    held: fc.array(held),
    runs: fc.array(text.filter((run) => run !== "")),
    launch: fc.record({ launch: text, index: uint32, job: text }, { noNullPrototype: true }),
  },
  { noNullPrototype: true, requiredKeys: [...helloKeys] },
);
const line = fc.record(
  { stream: fc.constantFrom("stdout" as const, "stderr" as const, "system" as const), atMs: double, text },
  { noNullPrototype: true },
);
const kind = <K extends string>(name: K): fc.Arbitrary<K> => fc.constant(name);
const workerItem: fc.Arbitrary<WorkerItem> = fc.oneof(
  fc.record({ kind: kind("hello"), hello }),
  fc.record({ kind: kind("beat"), held: fc.array(held) }),
  fc.record({ kind: kind("beat"), held: fc.array(held), load: fc.record({ cpuShare: double, usedMiB: double, totalMiB: double }) }),
  fc.record({ kind: kind("outcome"), of: held, outcome: bytes }),
  fc.record({ kind: kind("logs"), of: held, from: uint32, lines: fc.array(line) }),
  fc.record({ kind: kind("credit"), slots: uint32 }),
  fc.record({ kind: kind("draining") }),
  fc.record({ kind: kind("askBlobs"), of: held, id: uint32, requests: bytes }),
);
const coordinatorItem: fc.Arbitrary<CoordinatorItem> = fc.oneof(
  fc.record({ kind: kind("welcome"), protocol: uint32, version: text, leaseMs: uint32, beatMs: uint32, blobs: bytes }),
  fc.record({ kind: kind("assign"), of: held, order: bytes }),
  fc.record({ kind: kind("stop"), of: held, graceMs: uint32, by: text }),
  fc.record({ kind: kind("revoke"), of: held }),
  fc.record({ kind: kind("accepted"), of: held, refused: fc.boolean() }),
  fc.record({ kind: kind("drain") }),
  fc.record({ kind: kind("blobsAnswered"), id: uint32, answer: bytes }),
  fc.record({ kind: kind("linesKept"), of: held, lines: uint32 }),
);

function encode<Item>(items: readonly Item[], write: (writer: ProtoWriter, item: Item) => void): Buffer {
  const writer = new ProtoWriter();
  for (const item of items) write(writer, item);
  return writer.take();
}

/** JSON shows buffers and typed arrays alike. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner: unknown) =>
      inner instanceof Uint8Array
        ? Buffer.from(inner).toString("hex")
        : isBufferJson(inner)
          ? Buffer.from(inner.data).toString("hex")
          : inner,
    ),
  );
}

function isBufferJson(value: unknown): value is { readonly data: number[] } {
  return typeof value === "object" && value !== null && "type" in value && value.type === "Buffer" && "data" in value;
}

void test("every item comes back as it was sent", () => {
  fc.assert(
    fc.property(fc.array(workerItem), (items) => assert.deepEqual(plain(readWorkerItems(encode(items, writeWorkerItem))), plain(items))),
  );
  fc.assert(
    fc.property(fc.array(coordinatorItem), (items) =>
      assert.deepEqual(plain(readCoordinatorItems(encode(items, writeCoordinatorItem))), plain(items)),
    ),
  );
});

const protoFolder = fileURLToPath(new URL("../../proto", import.meta.url));
const definitions = loadSync(["worker.proto", "control.proto"], { includeDirs: [protoFolder], longs: Number, enums: Number });

function decodedByLibrary(name: string, message: Buffer): unknown {
  const definition = definitions[`stepwell.v1.${name}`] as MessageTypeDefinition<object, object>;
  const decoded = definition.deserialize(message);
  return definition.deserialize(definition.serialize(decoded));
}

void test("the bytes are those of proto/worker.proto: a protobuf library reads and rewrites them without a loss", () => {
  fc.assert(
    fc.property(fc.array(workerItem), (items) => {
      const definition = definitions["stepwell.v1.FromWorker"] as MessageTypeDefinition<object, object>;
      const rewritten = definition.serialize(decodedByLibrary("FromWorker", encode(items, writeWorkerItem)) as object);
      assert.deepEqual(plain(readWorkerItems(rewritten)), plain(items));
    }),
  );
  fc.assert(
    fc.property(fc.array(coordinatorItem), (items) => {
      const definition = definitions["stepwell.v1.ToWorker"] as MessageTypeDefinition<object, object>;
      const rewritten = definition.serialize(decodedByLibrary("ToWorker", encode(items, writeCoordinatorItem)) as object);
      assert.deepEqual(plain(readCoordinatorItems(rewritten)), plain(items));
    }),
  );
});

void test("a library that knows proto/worker.proto finds each field under its own name", () => {
  const of = { run: "F/1", task: "start/0", attempt: 2, lease: 2 ** 40 };
  const message = encode<CoordinatorItem>([{ kind: "stop", of, graceMs: 5000, by: "ada" }], writeCoordinatorItem);
  assert.deepEqual(plain(decodedByLibrary("ToWorker", message)), { items: [{ stop: { ...of, graceMs: 5000, by: "ada" } }] });
});

void test("requests and replies of the control service are those of proto/control.proto", () => {
  const request = writeControlRequest({ method: "run", arguments: Buffer.from('["F/1"]') });
  assert.deepEqual(plain(decodedByLibrary("Request", request)), { method: "run", arguments: Buffer.from('["F/1"]').toString("hex") });
  assert.equal(readControlRequest(request).method, "run");
  const following = writeControlRequest({ method: "events", arguments: Buffer.from("[]"), takesPacked: true });
  assert.equal((plain(decodedByLibrary("Request", following)) as { takesPacked?: unknown }).takesPacked, true);
  assert.deepEqual([readControlRequest(request).takesPacked, readControlRequest(following).takesPacked], [false, true]);
  const reply = writeControlReply(Buffer.from("{}"));
  assert.deepEqual(plain(decodedByLibrary("Reply", reply)), { value: Buffer.from("{}").toString("hex") });
  assert.equal(Buffer.from(readControlReply(reply)).toString(), "{}");
  const lists = ["[1,2]", "[3]"].map((text) => pack(Buffer.from(text)));
  const packed = writeFollowReply({ list: new Uint8Array(), packed: lists });
  assert.deepEqual(plain(decodedByLibrary("Reply", packed)), { packed: lists.map((list) => list.toString("hex")) });
  assert.deepEqual(
    readFollowReply(packed).packed.map((list) => unpack(list).toString()),
    ["[1,2]", "[3]"],
  );
});

void test("a message that was cut off, or is no message, is an error and never a wrong item", () => {
  const whole = encode<WorkerItem>(
    [{ kind: "outcome", of: { run: "F/1", task: "a/0", attempt: 0, lease: 1 }, outcome: Buffer.from("{}") }],
    writeWorkerItem,
  );
  for (let length = 1; length < whole.length; length += 1)
    assert.throws(() => readWorkerItems(whole.subarray(0, length)), { name: "WireError" });
  fc.assert(
    fc.property(fc.uint8Array(), (noise) => {
      try {
        readWorkerItems(noise);
      } catch (error) {
        assert.ok(error instanceof Error && error.name === "WireError", String(error));
      }
    }),
  );
});

class TestStream implements BatchStream {
  readonly written: WorkerItem[][] = [];
  open = true;
  #onDrain: (() => void) | null = null;
  write(batch: Buffer): boolean {
    this.written.push(readWorkerItems(batch));
    return this.open;
  }
  once(_: "drain", listener: () => void): void {
    this.#onDrain = listener;
  }
  drain(): void {
    this.open = true;
    this.#onDrain?.();
  }
}

const credit = (slots: number): WorkerItem => ({ kind: "credit", slots });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

void test("items of one turn share a message, in their order", async () => {
  const stream = new TestStream();
  const batcher = new Batcher(stream, writeWorkerItem);
  for (let slots = 1; slots <= 3; slots += 1) batcher.send(credit(slots));
  await Promise.resolve().then(() => batcher.send(credit(4)));
  await turn();
  assert.deepEqual(stream.written, [[1, 2, 3, 4].map(credit)]);
});

void test("while the stream asks to wait nothing is written, and then everything in order", async () => {
  const stream = new TestStream();
  stream.open = false;
  const batcher = new Batcher(stream, writeWorkerItem);
  batcher.send(credit(1));
  await turn();
  for (let slots = 2; slots <= 50; slots += 1) {
    batcher.send(credit(slots));
    await turn();
  }
  assert.deepEqual(stream.written, [[credit(1)]]);
  assert.ok(batcher.waitingBytes > 0);
  stream.drain();
  assert.deepEqual(
    stream.written.flat(),
    Array.from({ length: 50 }, (_, index) => credit(index + 1)),
  );
  assert.equal(stream.written.length, 2);
  assert.equal(batcher.waitingBytes, 0);
});

void test("what may linger leaves with what is sent after it, in order, and alone after a moment", { timeout: 10_000 }, async () => {
  const stream = new TestStream();
  const batcher = new Batcher(stream, writeWorkerItem);
  batcher.sendLater(credit(1));
  batcher.sendLater(credit(2));
  await turn();
  assert.deepEqual(stream.written, []);
  batcher.send(credit(3));
  batcher.sendLater(credit(4));
  await turn();
  assert.deepEqual(stream.written, [[1, 2, 3, 4].map(credit)]);
  batcher.sendLater(credit(5));
  while (stream.written.length < 2) await turn();
  assert.deepEqual(stream.written[1], [credit(5)]);
});

void test("a batch is cut before it grows large, and large items lose nothing", async () => {
  const stream = new TestStream();
  const batcher = new Batcher(stream, writeWorkerItem);
  const of = { run: "F/1", task: "a/0", attempt: 0, lease: 1 };
  for (let count = 0; count < 10; count += 1) batcher.send({ kind: "outcome", of, outcome: new Uint8Array(100_000).fill(count) });
  await turn();
  assert.ok(stream.written.length >= 3, `${stream.written.length} messages`);
  assert.deepEqual(
    stream.written.flat().map((item) => (item.kind === "outcome" ? item.outcome[99_999] : null)),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});

void test("addresses are read as they are written, and a wrong one says what is expected", () => {
  for (const address of ["unix:/a/b.sock", "localhost:7420", "[::1]:80"]) assert.equal(addressText(parseAddress(address)), address);
  assert.throws(() => parseAddress("localhost"), { name: "AddressError", message: /"localhost" is not an address: expected host:port/ });
  assert.throws(() => parseAddress("localhost:70000"), { name: "AddressError" });
  assert.throws(() => socketAddress(`/${"x".repeat(103)}`), { name: "AddressError", message: /104 bytes.*shorter folder/ });
});
