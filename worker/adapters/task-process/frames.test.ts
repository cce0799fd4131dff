import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { encodeFrame, FrameReader } from "./frames.ts";

const frame = fc.record({ kind: fc.nat({ max: 255 }), body: fc.uint8Array({ maxLength: 300 }) });

test("frames come out as they went in, wherever the bytes were cut", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 10 }), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (frames, cuts) => {
      const bytes = Buffer.concat(frames.map(({ kind, body }) => encodeFrame(kind, body)));
      const read: { kind: number; body: Uint8Array }[] = [];
      const reader = new FrameReader((kind, body) => read.push({ kind, body: new Uint8Array(body) }));
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const length = cuts[turn % cuts.length] ?? 1;
        reader.push(bytes.subarray(at, at + length));
        at += length;
      }
      assert.deepEqual(
        read,
        frames.map(({ kind, body }) => ({ kind, body })),
      );
    }),
  );
});

test("several bodies make one frame", () => {
  let text = "";
  new FrameReader((_, body) => (text = body.toString())).push(encodeFrame(1, Buffer.from("a"), Buffer.from("bc")));
  assert.equal(text, "abc");
});

test("a body of 30 MB in pieces is put together in one copy's time", () => {
  const bytes = encodeFrame(1, Buffer.alloc(30 * 1024 * 1024, 7));
  let length = 0;
  const reader = new FrameReader((_, body) => (length = body.length));
  for (let at = 0; at < bytes.length; at += 65_536) reader.push(bytes.subarray(at, at + 65_536));
  assert.equal(length, 30 * 1024 * 1024);
});

test("a length that no frame has is refused", () => {
  const reader = new FrameReader(() => assert.fail("no frame"));
  assert.throws(() => reader.push(Buffer.from([255, 255, 255, 255, 1])), /is not from a task process/);
});
