// Damages bytes in the ways that find holes in parsers, from a seed.

import type { Random } from "../simulation/random.ts";

/** Numbers at which lengths and signs go wrong. */
const edges: readonly (readonly number[])[] = [
  [0],
  [0x7f],
  [0x80],
  [0xff],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
];

/** One to four damages. */
export function mutated(bytes: Uint8Array, random: Random): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let left = 1 + random.below(4); left > 0; left -= 1) result = damaged(result, random);
  return result;
}

export function randomBytes(length: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

function damaged(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const length = Math.min(1 + random.below(1 + random.below(40)), bytes.length - at);
  const before = bytes.subarray(0, at);
  const after = bytes.subarray(at + length);
  switch (random.below(7)) {
    case 0: {
      const flipped = Buffer.from(bytes);
      if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
      return flipped;
    }
    case 1:
      return Buffer.from(before);
    case 2:
      return Buffer.concat([before, after]);
    case 3:
      return Buffer.concat([before, bytes.subarray(at, at + length), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([before, randomBytes(1 + random.below(8), random), bytes.subarray(at)]);
    case 5:
      return Buffer.concat([before, Buffer.from(random.pick(edges)), bytes.subarray(at + 1)]);
    default:
      return Buffer.concat([before, randomBytes(length, random), after]);
  }
}
