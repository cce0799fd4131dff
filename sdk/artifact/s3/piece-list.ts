// The list of the pieces that a large blob is stored in. A blob has one list only, since pieces have one length.
//
//   stepwell pieces 1
//   SHA-256 SIZE PIECE-LENGTH        of the blob
//   SHA-256                          of each piece, in order; all but the last are PIECE-LENGTH bytes long
//   SHA-256                          of all lines above

import { hash } from "node:crypto";
import { parseSha256 } from "../../../proto/ids.ts";
import type { Sha256 } from "../../../proto/ids.ts";

export type PieceList = {
  readonly sha256: Sha256;
  readonly size: number;
  readonly pieceBytes: number;
  readonly pieces: readonly Sha256[];
};

/** One piece, or a part of it, and where its bytes are in the blob. */
export type PiecePart = {
  readonly sha256: Sha256;
  /** In the blob. */
  readonly offset: number;
  /** In the piece. */
  readonly from: number;
  readonly to: number;
  readonly isWhole: boolean;
};

const firstLine = "stepwell pieces 1";

export function writePieceList({ sha256, size, pieceBytes, pieces }: PieceList): Buffer {
  const lines = `${[firstLine, `${sha256} ${size} ${pieceBytes}`, ...pieces].join("\n")}\n`;
  return Buffer.from(`${lines}${hash("sha256", lines)}\n`);
}

/** Null where the bytes are not such a list, or not the one that was written for this blob. */
export function parsePieceList(bytes: Uint8Array, blob: Sha256): PieceList | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const sumAt = text.lastIndexOf("\n", text.length - 2) + 1;
  if (`${hash("sha256", text.slice(0, sumAt))}\n` !== text.slice(sumAt)) return null;
  const [first, head = "", ...rest] = text.slice(0, sumAt - 1).split("\n");
  const [sha256, size, pieceBytes] = head.split(" ");
  if (first !== firstLine || sha256 !== blob) return null;
  // Whoever may write a list may write any: its sum says only that it came whole.
  if (![size, pieceBytes].every(isLength) || !rest.every((piece) => /^[0-9a-f]{64}$/.test(piece))) return null;
  const list: PieceList = { sha256: blob, size: Number(size), pieceBytes: Number(pieceBytes), pieces: rest.map(parseSha256) };
  return list.pieces.length === Math.ceil(list.size / list.pieceBytes) ? list : null;
}

function isLength(text: string | undefined): boolean {
  return /^[1-9]\d{0,15}$/.test(text ?? "") && Number.isSafeInteger(Number(text));
}

/** The pieces, or parts of them, that bytes `from` to `to` of the blob are in. */
export function* partsOf(list: PieceList, from: number, to: number): Iterable<PiecePart> {
  const { pieceBytes, size } = list;
  if (from >= to) return;
  for (let index = Math.floor(from / pieceBytes); index * pieceBytes < to; index += 1) {
    const start = index * pieceBytes;
    const length = Math.min(pieceBytes, size - start);
    const sha256 = list.pieces[index];
    if (sha256 === undefined) return;
    const part = { from: Math.max(0, from - start), to: Math.min(length, to - start) };
    yield { sha256, offset: start + part.from, ...part, isWhole: part.from === 0 && part.to === length };
  }
}
