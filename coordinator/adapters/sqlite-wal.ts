// Looks for commits that SQLite would drop without a word. When SQLite opens a write-ahead log that another process left, it
// takes the frames up to the first one whose checksum fails, as if the rest had never been synced. A torn end is exactly that;
// a flipped bit before other commits is not. A commit is only begun after the one before it was synced, so a frame that follows
// the end of a commit, at or after the bad frame, proves that something accepted would be lost.
// What can't be told apart from a torn end: damage within the very last commit.

import { closeSync, openSync, readSync } from "node:fs";

const headerBytes = 32;
const frameHeaderBytes = 24;
/** A header that changes while we read belongs to a living writer; so often we look again. */
const triesMax = 5;

type Sum = { readonly s0: number; readonly s1: number };

/** What is wrong, for people; null where SQLite will find every commit. */
export function lostCommitInWal(path: string): string | null {
  for (let attempt = 1; ; attempt++) {
    const before = readWal(path);
    if (before === null) return null;
    const problem = examine(before);
    if (problem === null) return null;
    const after = readWal(path);
    // The log was begun anew under our eyes: what looked like damage was the mix of two.
    const changed = after === null || !after.subarray(0, headerBytes).equals(before.subarray(0, headerBytes));
    if (!changed || attempt === triesMax) return changed ? null : problem;
  }
}

function readWal(path: string): Buffer | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return null; // none there, or SQLite will say why it can't be read
  }
  try {
    const pieces: Buffer[] = [];
    for (let position = 0; ;) {
      const piece = Buffer.allocUnsafe(1 << 20);
      const length = readSync(file, piece, 0, piece.length, position);
      if (length === 0) break;
      pieces.push(piece.subarray(0, length));
      position += length;
    }
    return Buffer.concat(pieces);
  } finally {
    closeSync(file);
  }
}

function examine(wal: Buffer): string | null {
  if (wal.length < headerBytes + frameHeaderBytes) return null;
  const magic = wal.readUInt32BE(0);
  const bigEndian = magic === 0x377f0683;
  const pageBytes = wal.readUInt32BE(8);
  const sum = add({ s0: 0, s1: 0 }, wal.subarray(0, 24), bigEndian);
  const intact = (bigEndian || magic === 0x377f0682) && isSum(sum, wal, 24);
  // The header is synced before the first frame is written, so it is never torn where frames follow it.
  if (!intact) return wal.subarray(headerBytes).some((byte) => byte !== 0) ? "the header of the write-ahead log is damaged" : null;

  const frameBytes = frameHeaderBytes + pageBytes;
  const frames = Math.floor((wal.length - headerBytes) / frameBytes);
  const frameAt = (index: number): Buffer => wal.subarray(headerBytes + index * frameBytes, headerBytes + (index + 1) * frameBytes);
  const ofThisLog = (frame: Buffer): boolean => frame.subarray(8, 16).equals(wal.subarray(16, 24));
  let before = sum;
  let index = 0;
  for (; index < frames; index++) {
    const frame = frameAt(index);
    const after = sumOfFrame(before, frame, bigEndian);
    if (!ofThisLog(frame) || !isSum(after, frame, 16)) break;
    before = after;
  }
  return index < frames && isCommitAfterwards({ frames, bad: index, before, bigEndian, frameAt, ofThisLog })
    ? `frame ${index + 1} of ${frames} of the write-ahead log is damaged`
    : null;
}

type Rest = {
  readonly frames: number;
  /** The first frame that SQLite rejects, and the checksum up to it. */
  readonly bad: number;
  readonly before: Sum;
  readonly bigEndian: boolean;
  readonly frameAt: (index: number) => Buffer;
  readonly ofThisLog: (frame: Buffer) => boolean;
};

/** Whether, from the bad frame on, there is the end of a commit and then anything more of this log. */
function isCommitAfterwards({ frames, bad, before, bigEndian, frameAt, ofThisLog }: Rest): boolean {
  const badFrame = frameAt(bad);
  const isLeftover = !ofThisLog(badFrame) && !isSum(sumOfFrame(before, badFrame, bigEndian), badFrame, 16);
  let commitSeen = !isLeftover && isCommit(badFrame);
  for (let index = bad + 1; index < frames; index++) {
    const frame = frameAt(index);
    if (!ofThisLog(frame)) continue;
    if (commitSeen) return true;
    commitSeen = isCommit(frame) && isSum(sumOfFrame(storedSum(frameAt(index - 1)), frame, bigEndian), frame, 16);
  }
  return false;
}

function isCommit(frame: Buffer): boolean {
  return frame.readUInt32BE(4) !== 0;
}

function sumOfFrame(before: Sum, frame: Buffer, bigEndian: boolean): Sum {
  return add(add(before, frame.subarray(0, 8), bigEndian), frame.subarray(frameHeaderBytes), bigEndian);
}

function storedSum(frame: Buffer): Sum {
  return { s0: frame.readUInt32BE(16), s1: frame.readUInt32BE(20) };
}

function isSum(sum: Sum, bytes: Buffer, at: number): boolean {
  return sum.s0 === bytes.readUInt32BE(at) && sum.s1 === bytes.readUInt32BE(at + 4);
}

/** SQLite's checksum: a Fibonacci-weighted sum over pairs of words, in the byte order that the header names. */
function add(before: Sum, bytes: Buffer, bigEndian: boolean): Sum {
  let { s0, s1 } = before;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i + 8 <= bytes.length; i += 8) {
    s0 = (s0 + view.getUint32(i, !bigEndian) + s1) >>> 0;
    s1 = (s1 + view.getUint32(i + 4, !bigEndian) + s0) >>> 0;
  }
  return { s0, s1 };
}
