// Reads artifacts for a running step, and remembers what it gave out, so that a value that comes back unchanged keeps
// the reference that it was read from.

import { blobsOf, type ArtifactRef, type Element } from "../../proto/artifact.ts";
import { encode, identify } from "../artifact/codec.ts";
import { StoredFile } from "../artifact/file.ts";
import { readArtifactSync, readElementSync, type ReadOptions } from "../artifact/read.ts";
import { RefusedArtifactError } from "../artifact/refused.ts";
import type { BlockingReader, ReadAhead } from "../artifact/store.ts";
import { TaskError } from "../artifact/task-error.ts";

export class ArtifactReader {
  readonly #store: BlockingReader | (BlockingReader & ReadAhead);
  readonly #options: ReadOptions;
  readonly #refs = new WeakMap<object, ArtifactRef>();

  constructor(store: BlockingReader | (BlockingReader & ReadAhead), options: ReadOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** `of` says in errors whose artifact it is. */
  read(name: string, ref: ArtifactRef, of: string): unknown {
    const value = named(`artifact "${name}" of ${of}`, () => readArtifactSync(ref, this.#store, this.#options));
    if (typeof value === "object" && value !== null) this.#refs.set(value, ref);
    return value;
  }

  /** That these will soon be read: a store that is far away can begin to fetch them. Files in them may not be wanted. */
  readAhead(refs: readonly ArtifactRef[]): void {
    if (!("readAhead" in this.#store)) return;
    const blobs = refs.flatMap((ref) => (ref.kind === "caught" || ref.place.kind === "inline" ? [] : blobsOf(ref).slice(0, 1)));
    if (blobs.length > 0) this.#store.readAhead(blobs);
  }

  /** Whether telling `readAhead` is of any use. */
  get readsAhead(): boolean {
    return "readAhead" in this.#store;
  }

  readElement(element: Element, of: string): unknown {
    return named(`the foreach element of ${of}`, () => readElementSync(element, this.#store, this.#options));
  }

  /** The reference that stands for `value` as it is now; null where it has to be kept anew. */
  refOf(value: unknown, name: string): ArtifactRef | null {
    if (typeof value !== "object" || value === null) return null;
    const ref = this.#refs.get(value);
    if (ref === undefined) return null;
    if (ref.kind === "caught" || isImmutable(value)) return ref;
    return encodingIs(ref.sha256, value, name) ? ref : null;
  }
}

/** Whether nothing that an author can do to the value changes what it stands for. */
function isImmutable(value: object): boolean {
  return value instanceof StoredFile || value instanceof TaskError;
}

function encodingIs(sha256: string, value: unknown, name: string): boolean {
  try {
    return identify(encode(value, name)) === sha256;
  } catch (error) {
    // What was read could be encoded, so this was changed; keeping it will tell what is wrong with it.
    if (error instanceof RefusedArtifactError) return false;
    throw error;
  }
}

function named<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${what} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
