import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseSha256, type Sha256 } from "../../../proto/ids.ts";
import { partsOf, parsePieceList, writePieceList, type PieceList } from "./piece-list.ts";

const nameOf = (text: string): Sha256 => parseSha256(createHash("sha256").update(text).digest("hex"));

const lists = fc
  .record({ pieceBytes: fc.integer({ min: 1, max: 50 }), size: fc.integer({ min: 1, max: 1000 }) })
  .map(({ pieceBytes, size }): PieceList => ({
    sha256: nameOf(`${size}`),
    size,
    pieceBytes,
    pieces: Array.from({ length: Math.ceil(size / pieceBytes) }, (_, at) => nameOf(`piece ${at}`)),
  }));

describe("the list of the pieces of a blob", () => {
  test("comes back as it was written", () => {
    fc.assert(fc.property(lists, (list) => assert.deepEqual(parsePieceList(writePieceList(list), list.sha256), list)));
  });

  test("is none when any byte of it is another, missing or added, or when it is another blob's", () => {
    const list: PieceList = { sha256: nameOf("blob"), size: 25, pieceBytes: 10, pieces: ["a", "b", "c"].map(nameOf) };
    const bytes = writePieceList(list);
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.equal(parsePieceList(changed, list.sha256), null, `byte ${at}`);
      assert.equal(parsePieceList(bytes.subarray(0, at), list.sha256), null, `${at} bytes`);
    }
    assert.equal(parsePieceList(Buffer.concat([bytes, Buffer.from("\n")]), list.sha256), null);
    assert.equal(parsePieceList(bytes, nameOf("another blob")), null);
    assert.equal(parsePieceList(writePieceList({ ...list, pieces: list.pieces.slice(1) }), list.sha256), null, "too few pieces");
  });

  test("is none where its sum is right and what it says cannot be", () => {
    const list: PieceList = { sha256: nameOf("blob"), size: 25, pieceBytes: 25, pieces: [nameOf("a")] };
    const forged: readonly Partial<PieceList>[] = [
      { size: -25, pieceBytes: -25 },
      { size: 0.5 },
      { size: 2 ** 60, pieceBytes: 2 ** 60 },
      { pieces: ["../../etc/passwd" as Sha256] },
    ];
    for (const over of forged) assert.equal(parsePieceList(writePieceList({ ...list, ...over }), list.sha256), null);
  });

  test("gives for any range the parts that make it up, in order, and nothing else", () => {
    fc.assert(
      fc.property(lists, fc.nat(1000), fc.nat(1000), (list, a, b) => {
        const [from = 0, to = 0] = [a, b].map((at) => at % (list.size + 1)).sort((x, y) => x - y);
        let at = from;
        for (const part of partsOf(list, from, to)) {
          assert.equal(part.offset, at);
          assert.ok(part.to > part.from);
          const index = list.pieces.indexOf(part.sha256);
          assert.equal(index * list.pieceBytes + part.from, at);
          const length = Math.min(list.pieceBytes, list.size - index * list.pieceBytes);
          assert.equal(part.isWhole, part.to - part.from === length);
          at += part.to - part.from;
        }
        assert.equal(at, to);
      }),
    );
  });
});
