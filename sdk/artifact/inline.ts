// A value that rides along wherever its reference goes, and is in no store.

import type { StoredRef } from "../../proto/artifact.ts";
import { describeType, encode, identify, sizeOf } from "./codec.ts";

/** `name` stands in errors. @throws RefusedArtifactError */
export function inlineArtifact(name: string, value: unknown): StoredRef {
  const chunks = encode(value, name);
  const place = { kind: "inline", base64: Buffer.concat(chunks).toString("base64") } as const;
  return { kind: "stored", sha256: identify(chunks), size: sizeOf(chunks), type: describeType(value), place };
}
