// The output of one attempt as lines with time stamps, bounded.
//
// G1. Lines are whole and valid text wherever chunks were cut; longer ones are cut at `lineBytesMax`, between characters.
// G2. The head of the output is passed on as it comes; after it only the last `tailBytesMax` are held, and passed on
//     at the end after a notice of what was dropped. So a flood costs no more memory than the tail.
// G3. Within a stream lines keep their order.
// G4. What must be hidden is in no line, wherever chunks were cut: nothing is passed on before it is known.

import { hideSecrets } from "../../sdk/execute/secrets.ts";
import type { LogText } from "../../sdk/wire/worker-items.ts";
import type { OutputStream } from "../ports/task-process.ts";

export const lineBytesMax = 64 * 1024;

export type LogLimits = {
  /** Passed on as it comes, both streams together. */
  readonly headBytes: number;
  /** Short lines cost more than their bytes. */
  readonly headLines: number;
  /** Kept from what follows. */
  readonly tailBytes: number;
  readonly tailLines: number;
};

export const defaultLogLimits: LogLimits = { headBytes: 9 * 1024 * 1024, headLines: 250_000, tailBytes: 1024 * 1024, tailLines: 25_000 };

/** Pieces that the tail is held in; the oldest is dropped as a whole. Bytes. */
const tailPieceBytes = 64 * 1024;

type Piece = { readonly stream: OutputStream; readonly atMs: number; readonly bytes: Buffer; length: number; lines: number };

export class AttemptLog {
  readonly #emit: (lines: readonly LogText[]) => void;
  readonly #limits: LogLimits;
  readonly #splitters: Readonly<Record<OutputStream, Splitter>> = { stdout: new Splitter(), stderr: new Splitter() };
  #headBytes = 0;
  #headLines = 0;
  #tail: Piece[] = [];
  readonly #free: Buffer[] = [];
  readonly #cutInLine: Record<OutputStream, boolean> = { stdout: false, stderr: false };
  #tailBytes = 0;
  #droppedBytes = 0;
  #droppedLines = 0;
  #secrets: readonly string[] = [];
  /** Lines that wait for `hide`; null where none need to. */
  #waiting: LogText[] | null;

  constructor(emit: (lines: readonly LogText[]) => void, options: { readonly limits?: LogLimits; readonly hasSecrets?: boolean } = {}) {
    this.#waiting = options.hasSecrets === true ? [] : null;
    this.#limits = options.limits ?? defaultLogLimits;
    this.#emit = (lines) => {
      if (this.#waiting !== null) this.#waiting.push(...lines);
      else emit(this.#secrets.length === 0 ? lines : lines.map((line) => ({ ...line, text: hideSecrets(line.text, this.#secrets) })));
    };
  }

  /** From now on lines are passed on, without these texts. (G4) */
  hide(secrets: readonly string[]): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    this.#secrets = secrets;
    if (waiting.length > 0) this.#emit(waiting);
  }

  /** `bytes` may be reused after the call. */
  write(stream: OutputStream, bytes: Uint8Array, atMs: number): void {
    const room = this.#headLines < this.#limits.headLines ? this.#limits.headBytes - this.#headBytes : 0;
    const head = bytes.subarray(0, Math.max(0, room));
    this.#headBytes += head.length;
    if (head.length > 0) this.#pass(stream, this.#splitters[stream].push(head), atMs);
    if (head.length < bytes.length) this.#hold(stream, bytes.subarray(head.length), atMs);
  }

  /** A line of our own about the attempt; passed on at once, and too seldom to count. */
  tell(text: string, atMs: number): void {
    this.#emit([{ stream: "system", atMs, text }]);
  }

  /** The last lines, whether they were ended or not. Nothing is written afterwards. */
  end(atMs: number): void {
    const tail = this.#tail;
    this.#tail = [];
    if (this.#droppedBytes > 0) {
      const whole = tail.map((piece) => ({ ...piece, bytes: this.#afterCut(piece) }));
      this.#passRests(atMs); // What the head cut in the middle of a line comes before the gap.
      this.tell(noticeOf(this.#droppedBytes, this.#droppedLines), atMs);
      for (const { stream, bytes, atMs: writtenAtMs } of whole) this.#pass(stream, this.#splitters[stream].push(bytes), writtenAtMs);
    } else {
      for (const piece of tail)
        this.#pass(piece.stream, this.#splitters[piece.stream].push(piece.bytes.subarray(0, piece.length)), piece.atMs);
    }
    this.#passRests(atMs);
    this.hide(this.#secrets); // A process that died before it could say them had no step that knew them.
  }

  /** A line that has lost its beginning goes as a whole. */
  #afterCut(piece: Piece): Buffer {
    const bytes = piece.bytes.subarray(0, piece.length);
    if (!this.#cutInLine[piece.stream]) return bytes;
    const lineEnd = bytes.indexOf(newline);
    this.#cutInLine[piece.stream] = lineEnd === -1;
    const start = lineEnd === -1 ? bytes.length : lineEnd + 1;
    this.#droppedBytes += start;
    this.#droppedLines += lineEnd === -1 ? 0 : 1;
    return bytes.subarray(start);
  }

  #pass(stream: OutputStream, texts: readonly string[], atMs: number): void {
    if (texts.length === 0) return;
    this.#headLines += texts.length;
    this.#emit(texts.map((text) => ({ stream, atMs, text })));
  }

  #passRests(atMs: number): void {
    for (const stream of ["stdout", "stderr"] as const) this.#pass(stream, this.#splitters[stream].rest(), atMs);
  }

  #hold(stream: OutputStream, bytes: Uint8Array, atMs: number): void {
    for (let at = 0; at < bytes.length;) {
      const last = this.#tail.at(-1);
      const piece = last?.stream === stream && last.length < tailPieceBytes ? last : this.#newPiece(stream, atMs);
      const part = bytes.subarray(at, at + tailPieceBytes - piece.length);
      piece.bytes.set(part, piece.length);
      piece.length += part.length;
      piece.lines += newlinesIn(part);
      this.#tailBytes += part.length;
      at += part.length;
    }
    this.#dropOldest();
  }

  #newPiece(stream: OutputStream, atMs: number): Piece {
    const bytes = this.#free.pop() ?? Buffer.allocUnsafeSlow(tailPieceBytes);
    const piece: Piece = { stream, atMs, bytes, length: 0, lines: 0 };
    this.#tail.push(piece);
    return piece;
  }

  /** Streams that take turns leave pieces nearly empty, so the number of pieces is bounded as well as their bytes. */
  #dropOldest(): void {
    let lines = this.#tail.reduce((sum, piece) => sum + piece.lines, 0);
    const tooMany = (): boolean =>
      this.#tailBytes - (this.#tail[0]?.length ?? 0) >= this.#limits.tailBytes ||
      lines > this.#limits.tailLines ||
      this.#tail.length > (2 * this.#limits.tailBytes) / tailPieceBytes + 2;
    while (this.#tail.length > 1 && tooMany()) {
      const oldest = this.#tail.shift();
      if (oldest === undefined) return;
      this.#tailBytes -= oldest.length;
      this.#droppedBytes += oldest.length;
      this.#droppedLines += oldest.lines;
      lines -= oldest.lines;
      this.#cutInLine[oldest.stream] = oldest.bytes[oldest.length - 1] !== newline;
      this.#free.push(oldest.bytes);
    }
  }
}

function noticeOf(bytes: number, lines: number): string {
  return `stepwell: ${lines} lines (${bytes} bytes) of output were dropped here; an attempt keeps the first and the last of what it prints`;
}

const newline = 0x0a;
const carriageReturn = 0x0d;

function newlinesIn(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte === newline) count += 1;
  return count;
}

/** Cuts one stream into lines. */
class Splitter {
  #rest: Buffer = Buffer.alloc(0);

  push(bytes: Uint8Array): readonly string[] {
    const all = this.#rest.length === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat([this.#rest, bytes]);
    const texts: string[] = [];
    let start = 0;
    for (let end = all.indexOf(newline); end !== -1; end = all.indexOf(newline, start)) {
      addLine(texts, all.subarray(start, end > start && all[end - 1] === carriageReturn ? end - 1 : end));
      start = end + 1;
    }
    while (all.length - start > lineBytesMax) {
      const cut = characterStart(all, start + lineBytesMax);
      texts.push(all.toString("utf8", start, cut));
      start = cut;
    }
    this.#rest = Buffer.from(all.subarray(start));
    return texts;
  }

  rest(): readonly string[] {
    if (this.#rest.length === 0) return [];
    const text = this.#rest.toString("utf8");
    this.#rest = Buffer.alloc(0);
    return [text];
  }
}

function addLine(texts: string[], line: Buffer): void {
  let start = 0;
  while (line.length - start > lineBytesMax) {
    const cut = characterStart(line, start + lineBytesMax);
    texts.push(line.toString("utf8", start, cut));
    start = cut;
  }
  texts.push(line.toString("utf8", start));
}

/** The last place at or before `at` where a character begins; at most three bytes back, so that bytes that are no text are cut anyhow. */
function characterStart(bytes: Buffer, at: number): number {
  for (let back = 0; back < 4; back += 1) {
    if (((bytes[at - back] ?? 0) & 0xc0) !== 0x80) return at - back;
  }
  return at;
}
