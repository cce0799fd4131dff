// Cuts a stream into pieces of one length, each in memory of its own, whatever the source does with its chunks afterwards.

/** All but the last are `pieceBytes` long; an empty source is one empty piece. */
export async function* cutPieces(source: AsyncIterable<Uint8Array>, pieceBytes: number): AsyncGenerator<Uint8Array, void> {
  const first = Math.min(pieceBytes, 256 * 1024);
  let piece: Buffer = Buffer.allocUnsafeSlow(first);
  let filled = 0;
  let count = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      if (filled === piece.length && filled < pieceBytes) piece = grown(piece, pieceBytes);
      const taken = chunk.subarray(at, at + piece.length - filled);
      piece.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled < pieceBytes) continue;
      yield piece;
      count += 1;
      // What was long enough for one piece is likely to fill the next.
      piece = Buffer.allocUnsafeSlow(pieceBytes);
      filled = 0;
    }
  }
  if (filled > 0 || count === 0) yield piece.subarray(0, filled);
}

function grown(piece: Buffer, lengthMax: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.min(lengthMax, piece.length * 4));
  larger.set(piece);
  return larger;
}
