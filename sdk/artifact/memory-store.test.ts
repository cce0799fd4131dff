import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryArtifactStore } from "./memory-store.ts";
import { describeArtifactStore } from "./store.conformance.ts";

describeArtifactStore("memory", () => {
  const store = new MemoryArtifactStore();
  return { store, corrupt: (sha256) => store.corrupt(sha256), writesCount: () => store.writesCount, close: () => {} };
});

test("a store in memory fails as it is told to", async () => {
  const store = new MemoryArtifactStore();
  store.writeFault = "full";
  await assert.rejects(store.put(Buffer.from("a blob")), { name: "ArtifactStoreError", problem: "full" });
  store.writeFault = null;
  await store.put(Buffer.from("a blob"));
});
