// Makes lists short that go to many: each list is deflated once, and then is what leaves for every one of them.

import { deflateRawSync, inflateRawSync } from "node:zlib";
import { messageBytesMax } from "./channel-options.ts";

/** The fastest: what events have in common are whole phrases, which it finds as well. */
const level = 1;

export function pack(bytes: Uint8Array): Buffer {
  return deflateRawSync(bytes, { level });
}

/** @throws RangeError, for what would be longer than a message may be */
export function unpack(bytes: Uint8Array): Buffer {
  return inflateRawSync(bytes, { maxOutputLength: messageBytesMax });
}
