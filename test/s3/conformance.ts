// A store over S3 keeps the promises of every artifact store, with blobs whole and in pieces.

import { describeArtifactStore } from "../../sdk/artifact/store.conformance.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { bucket, keyIn, TestStores } from "./fixture.ts";

/** `role`: with credentials for the bucket. `presigned`: with URLs that are granted. */
export function describeStoreOverS3(access: "role" | "presigned"): void {
  for (const [cut, pieceBytes] of Object.entries({ "whole blobs": 16 * 1024 * 1024, "blobs in pieces": 1024 * 1024 })) {
    describeArtifactStore(`S3, ${access}, ${cut}`, async () => {
      const stores = await TestStores.open({ pieceBytes });
      const store = access === "role" ? stores.store : stores.presigned({ pieceBytes });
      const corrupt = async (sha256: Sha256): Promise<void> => {
        const [first = sha256] = await stores.store.piecesOf(sha256);
        stores.server.bucket(bucket).corrupt(keyIn(first));
      };
      const isCounted = (key: string): boolean => cut === "whole blobs" || key.endsWith(".pieces");
      return {
        store,
        corrupt,
        writesCount: () => stores.server.writes.filter(isCounted).length,
        close: () => stores[Symbol.asyncDispose](),
      };
    });
  }
}
