import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cutPieces } from "./cut-pieces.ts";

test("pieces are those of the bytes, however the source cuts them and whatever it does with its memory afterwards", async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 1, max: 50 }), async (given, pieceBytes) => {
      const whole = Buffer.concat(given);
      async function* source(): AsyncIterable<Uint8Array> {
        for (const chunk of given) {
          const lent = Uint8Array.from(chunk);
          yield lent;
          lent.fill(0xff);
        }
      }
      const pieces: Uint8Array[] = [];
      for await (const piece of cutPieces(source(), pieceBytes)) pieces.push(piece);
      assert.deepEqual(Buffer.concat(pieces), whole);
      assert.equal(pieces.length, Math.max(1, Math.ceil(whole.length / pieceBytes)));
      for (const piece of pieces.slice(0, -1)) assert.equal(piece.length, pieceBytes);
    }),
  );
});

test("a piece grows with what comes, so that a short stream takes little memory", async () => {
  async function* source(): AsyncIterable<Uint8Array> {
    yield Buffer.from("short");
  }
  for await (const piece of cutPieces(source(), 16 * 1024 * 1024)) assert.ok(piece.buffer.byteLength < 1024 * 1024);
});
