import type { Sha256 } from "../../proto/ids.ts";

/** A part of a blob, in bytes. */
export type ByteRange = { readonly offset: number; readonly length: number };

/**
 * The port to content-addressed storage. A blob is named by the SHA-256 of its bytes, so writing twice is writing
 * once, and whoever reads can tell wrong bytes from right ones.
 *
 * Promises: a blob is durable when a `put` resolves; no reader ever sees part of one; whole reads are verified.
 * Errors: `ArtifactStoreError` says which blob, what was wrong (missing, corrupt, full, unreachable) and what to do.
 */
export interface ArtifactStore {
  /** Everything is to be in the store, also what rides inline: so that it holds every value without the ledger. */
  readonly keepsInline?: boolean | Promise<boolean>;
  put(bytes: Uint8Array): Promise<Sha256>;
  /** Bounded memory, whatever the length. */
  putStream(source: AsyncIterable<Uint8Array>): Promise<{ readonly sha256: Sha256; readonly size: number }>;
  /** The whole blob, or a part of it; only whole blobs are verified. */
  get(sha256: Sha256, range?: ByteRange): Promise<Uint8Array>;
  /** Verified: fails at its end when the bytes were wrong. */
  stream(sha256: Sha256): AsyncIterable<Uint8Array>;
  has(sha256: Sha256): Promise<boolean>;
}

/** Reads that block, for authors who touch `this.model`. An adapter without them is bridged by a helper thread. */
export interface BlockingReader {
  getSync(sha256: Sha256, range?: ByteRange): Uint8Array;
}

/** A store that can be told what will be read soon. A hint: nothing comes of it but time. */
export interface ReadAhead {
  readAhead(blobs: readonly Sha256[]): void;
}

export type StoreProblem = "missing" | "corrupt" | "full" | "readOnly" | "denied" | "unreachable";

export class ArtifactStoreError extends Error {
  override readonly name = "ArtifactStoreError";
  readonly problem: StoreProblem;
  constructor(problem: StoreProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}
