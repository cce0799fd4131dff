// What every artifact store that can be swept must do. An adapter's own test calls this.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Sha256 } from "../../proto/ids.ts";
import type { ArtifactStore } from "./store.ts";
import { renewedAfterMs } from "./sweepable.ts";
import type { ListedBlob, SweepableStore } from "./sweepable.ts";

export type SweepableUnderTest = {
  readonly store: ArtifactStore & SweepableStore;
  /** Makes what is stored under the name older. */
  age(sha256: Sha256, byMs: number): Promise<void> | void;
  /** A blob longer than this may be stored in pieces. */
  readonly pieceBytes: number;
  close(): Promise<void> | void;
};

/** `open` makes a store that is empty. */
export function describeSweepableStore(name: string, open: () => Promise<SweepableUnderTest> | SweepableUnderTest): void {
  const rule = (title: string, check: (under: SweepableUnderTest) => Promise<void>): void => {
    test(title, async () => {
      const under = await open();
      try {
        await check(under);
      } finally {
        await under.close();
      }
    });
  };

  describe(`${name}: sweeping`, () => {
    rule("an empty store lists nothing", async ({ store }) => {
      assert.deepEqual(await listed(store), []);
    });

    rule("all blobs are listed in the order of names, with size and time, and from any name on", async ({ store }) => {
      const beganMs = Date.now() - 2000;
      const blobs = await Promise.all(Array.from({ length: 40 }, (_, at) => store.put(Buffer.alloc(at, "x"))));
      const sorted = blobs.toSorted();
      const all = await listed(store);
      assert.deepEqual(
        all.map(({ sha256 }) => sha256),
        sorted,
      );
      for (const { sha256, size, part, modifiedAtMs } of all) {
        assert.deepEqual([size, part], [blobs.indexOf(sha256), "bytes"]);
        assert.ok(modifiedAtMs >= beganMs && modifiedAtMs <= Date.now() + 2000, new Date(modifiedAtMs).toISOString());
      }
      for (const at of [0, 17, 39]) {
        assert.deepEqual(
          (await listed(store, sorted[at])).map(({ sha256 }) => sha256),
          sorted.slice(at + 1),
        );
      }
    });

    rule("a large blob can be found with all that it is stored in", async ({ store, pieceBytes }) => {
      const large = await store.put(Buffer.alloc(2 * pieceBytes + 5, "large"));
      const small = await store.put(Buffer.from("small"));
      const needed = new Set([large, ...(await store.piecesOf(large)), small]);
      assert.deepEqual(new Set((await listed(store)).map(({ sha256 }) => sha256)), needed);
      assert.deepEqual(await store.piecesOf(small), []);
    });

    rule(
      "what is deleted is gone, can be written again, and all else stays; what isn't there is no error",
      async ({ store, pieceBytes }) => {
        const bytes = Buffer.alloc(2 * pieceBytes + 5, "large");
        const [large, kept] = [await store.put(bytes), await store.put(Buffer.from("kept"))];
        const pieces = await store.piecesOf(large);
        await store.delete([large, ...pieces]);
        await store.delete([large]);
        assert.equal(await store.has(large), false);
        await assert.rejects(store.get(large), { problem: "missing" });
        assert.deepEqual(
          (await listed(store)).map(({ sha256 }) => sha256),
          [kept],
        );
        await store.put(bytes);
        assert.deepEqual(Buffer.from(await store.get(large)), bytes);
      },
    );

    rule("an old blob that is stored again is new; a young one stays as it is", async ({ store, age }) => {
      for (const bytes of [Buffer.from("small"), Buffer.alloc(400_000, "middling")]) {
        const sha256 = await store.put(bytes);
        for (const [byMs, renewed] of [
          [renewedAfterMs / 2, false],
          [renewedAfterMs, true],
        ] as const) {
          await age(sha256, byMs);
          const before = await modifiedAtMs(store, sha256);
          await store.put(bytes);
          assert.equal((await modifiedAtMs(store, sha256)) > before, renewed);
          assert.deepEqual(Buffer.from(await store.get(sha256)), bytes);
        }
      }
    });
  });
}

async function listed(store: SweepableStore, after?: Sha256): Promise<readonly ListedBlob[]> {
  const all: ListedBlob[] = [];
  for await (const blob of store.list(after)) all.push(blob);
  return all;
}

async function modifiedAtMs(store: SweepableStore, sha256: Sha256): Promise<number> {
  return (await listed(store)).find((blob) => blob.sha256 === sha256)?.modifiedAtMs ?? Number.NaN;
}
