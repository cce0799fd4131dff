// What to say of a blob that is missing or has other bytes than were stored.

import type { Sha256 } from "../../../proto/ids.ts";
import { ArtifactStoreError } from "../store.ts";
import type { ByteRange } from "../store.ts";

/** `of` is the blob that it is a piece of. */
export function missingBlob(sha256: Sha256, place: string, of?: Sha256): ArtifactStoreError {
  return new ArtifactStoreError(
    "missing",
    `${named(sha256, of)} is not in ${place}; run the task that made it again, or bring the blob back`,
  );
}

export function corruptBlob(sha256: Sha256, place: string, of?: Sha256): ArtifactStoreError {
  return new ArtifactStoreError(
    "corrupt",
    `${named(sha256, of)} has other bytes in ${place} than were stored; run the task that made it again`,
  );
}

export function shortBlob(sha256: Sha256, place: string, { offset, length }: ByteRange): ArtifactStoreError {
  const message = `blob ${sha256} in ${place} ends before the ${length} bytes at ${offset}; run the task that made it again`;
  return new ArtifactStoreError("corrupt", message);
}

function named(sha256: Sha256, of: Sha256 | undefined): string {
  return of === undefined ? `blob ${sha256}` : `blob ${of}: its piece ${sha256}`;
}
