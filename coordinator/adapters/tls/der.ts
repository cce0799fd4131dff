// Writes the few forms of DER that a certificate consists of. Nothing here reads: what was written is checked by Node.

export type Der = Buffer;

export function sequence(...parts: readonly Der[]): Der {
  return tagged(0x30, Buffer.concat(parts));
}

export function set(...parts: readonly Der[]): Der {
  return tagged(0x31, Buffer.concat(parts));
}

export function flag(value: boolean): Der {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]));
}

/** Not negative; big-endian. */
export function integer(bytes: Uint8Array): Der {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from += 1;
  const plain = bytes.subarray(from);
  // A first bit of 1 would make it negative.
  return tagged(0x02, (plain[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), plain]) : Buffer.from(plain));
}

export function bits(bytes: Uint8Array, unused = 0): Der {
  return tagged(0x03, Buffer.concat([Buffer.from([unused]), bytes]));
}

export function octets(bytes: Uint8Array): Der {
  return tagged(0x04, bytes);
}

export function utf8(text: string): Der {
  return tagged(0x0c, Buffer.from(text));
}

/** Of a certificate's validity; the standard wants two digits for the years before 2050. */
export function time(ms: number): Der {
  const digits = new Date(ms).toISOString().replaceAll(/\.\d+Z$|[-:T]/g, "");
  const text = `${digits}Z`;
  return Number(digits.slice(0, 4)) < 2050 ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text));
}

/** `1.2.840.10045.4.3.2`, each part below 2^28. */
export function identifier(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest.flatMap(base128)];
  return tagged(0x06, Buffer.from(bytes));
}

/** A tag that the surrounding form gives a meaning to. `explicit` wraps a whole form, else `content` stands in its place. */
export function context(number: number, content: Uint8Array, explicit = false): Der {
  return tagged((explicit ? 0xa0 : 0x80) + number, content);
}

function tagged(tag: number, content: Uint8Array): Der {
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 + bytes.length, ...bytes];
}

function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(0x80 + (rest % 128));
  return bytes;
}
