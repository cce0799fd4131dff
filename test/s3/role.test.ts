import { describeSweepableStore } from "../../sdk/artifact/sweepable.conformance.ts";
import type { Sha256 } from "../../proto/ids.ts";
import { describeStoreOverS3 } from "./conformance.ts";
import { bucket, TestStores } from "./fixture.ts";

describeStoreOverS3("role");

describeSweepableStore("S3", async () => {
  const pieceBytes = 64 * 1024;
  const stores = await TestStores.open({ pieceBytes });
  const age = (sha256: Sha256, byMs: number): void => {
    const { objects } = stores.server.bucket(bucket);
    for (const [key, object] of objects) {
      if (key.includes(sha256)) objects.set(key, { ...object, modifiedAtMs: object.modifiedAtMs - byMs });
    }
  };
  return { store: stores.store, age, pieceBytes, close: () => stores[Symbol.asyncDispose]() };
});
