// SHA-256 of a text, for pure code that has neither Node nor a browser around it: keys that must be the same for ever.

const primes = firstPrimes(64);
/** The first 32 bits of what follows the point in the roots of the first primes, as the standard has it. */
const roundConstants = primes.map((prime) => fractionBits(Math.cbrt(prime)));
const initialState = primes.slice(0, 8).map((prime) => fractionBits(Math.sqrt(prime)));

const blockWords = 16;

/** In hexadecimal digits. */
export function sha256OfText(text: string): string {
  const words = padded(utf8Of(text));
  let state = initialState;
  for (let at = 0; at < words.length; at += blockWords) state = compressed(state, schedule(words.slice(at, at + blockWords)));
  return state.map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

function utf8Of(text: string): readonly number[] {
  const escaped = encodeURIComponent(text.toWellFormed());
  const bytes: number[] = [];
  for (let at = 0; at < escaped.length; at++) {
    if (escaped[at] === "%") {
      bytes.push(Number.parseInt(escaped.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(escaped.charCodeAt(at));
  }
  return bytes;
}

/** As words, with a one, zeros, and the length in bits at the end of a block. */
function padded(bytes: readonly number[]): readonly number[] {
  const lengthInWords = Math.ceil((bytes.length + 9) / 64) * blockWords;
  const words = Array.from({ length: lengthInWords }, () => 0);
  const set = (byte: number, at: number): void => {
    words[at >> 2] = (words[at >> 2] ?? 0) | (byte << (24 - (at & 3) * 8));
  };
  bytes.forEach(set);
  set(0x80, bytes.length);
  words[lengthInWords - 2] = Math.floor(bytes.length / 2 ** 29);
  words[lengthInWords - 1] = (bytes.length * 8) | 0;
  return words;
}

function schedule(block: readonly number[]): readonly number[] {
  const w = [...block];
  const word = (at: number): number => w[at] ?? 0;
  for (let at = blockWords; at < 64; at++) {
    const early = word(at - 15);
    const late = word(at - 2);
    const a = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
    const b = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
    w.push((word(at - 16) + a + word(at - 7) + b) | 0);
  }
  return w;
}

function compressed(state: readonly number[], w: readonly number[]): number[] {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let at = 0; at < 64; at++) {
    const choice = (e & f) ^ (~e & g);
    const first = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + choice + (roundConstants[at] ?? 0) + (w[at] ?? 0)) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + majority) | 0;
    [a, b, c, d, e, f, g, h] = [(first + second) | 0, a, b, c, (d + first) | 0, e, f, g];
  }
  return [a, b, c, d, e, f, g, h].map((word, at) => (word + (state[at] ?? 0)) | 0);
}

function turned(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

function fractionBits(root: number): number {
  return ((root - Math.floor(root)) * 2 ** 32) | 0;
}

function firstPrimes(count: number): readonly number[] {
  const found: number[] = [];
  for (let number = 2; found.length < count; number++) if (found.every((prime) => number % prime !== 0)) found.push(number);
  return found;
}
