import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inOrder, Transfers } from "./transfers.ts";

type Gate = { readonly started: boolean; finish(): Promise<void> };

function begin(transfers: Transfers, bytes: number): Gate {
  let started = false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = transfers.run(bytes, () => {
    started = true;
    return promise;
  });
  return {
    get started() {
      return started;
    },
    finish: async () => {
      resolve();
      await done;
      await settled();
    },
  };
}

/** Lets everything happen that needs no more than its turn. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

describe("transfers", () => {
  test("begin while their bytes fit, and then in the order in which they came", async () => {
    const transfers = new Transfers(10);
    const [a, b, large, small] = [begin(transfers, 4), begin(transfers, 6), begin(transfers, 8), begin(transfers, 1)] as const;
    await settled();
    assert.deepEqual([a.started, b.started, large.started, small.started], [true, true, false, false]);
    await a.finish();
    assert.deepEqual([large.started, small.started], [false, false], "a small one does not overtake");
    await b.finish();
    assert.deepEqual([large.started, small.started], [true, true]);
  });

  test("that are larger than everything go alone", async () => {
    const transfers = new Transfers(10);
    const [small, huge, after] = [begin(transfers, 1), begin(transfers, 100), begin(transfers, 1)] as const;
    await settled();
    assert.deepEqual([huge.started, after.started], [false, false]);
    await small.finish();
    assert.deepEqual([huge.started, after.started], [true, false]);
    await huge.finish();
    assert.equal(after.started, true);
  });

  test("that fail make room like others", async () => {
    const transfers = new Transfers(1);
    await assert.rejects(
      transfers.run(1, async () => {
        throw new Error("broken");
      }),
      /broken/,
    );
    assert.equal(await transfers.run(1, async () => "done"), "done");
  });
});

describe("work in order", () => {
  test("gives results in the order of the items, of which so many are in work at once", async () => {
    let [inWork, most] = [0, 0];
    const results: number[] = [];
    const work = async (item: number): Promise<number> => {
      inWork += 1;
      most = Math.max(most, inWork);
      for (let turns = (item * 7) % 5; turns > 0; turns -= 1) await settled();
      inWork -= 1;
      return item;
    };
    const items = Array.from({ length: 30 }, (_, at) => at);
    for await (const result of inOrder(items, 4, work)) results.push(result);
    assert.deepEqual(results, items);
    assert.equal(most, 4);
  });

  test("is waited for when the reader leaves, or when one fails", async () => {
    let inWork = 0;
    const work = async (item: number): Promise<number> => {
      inWork += 1;
      await settled();
      inWork -= 1;
      if (item === 3) throw new Error("item 3");
      return item;
    };
    for await (const result of inOrder([0, 1, 2], 3, work)) if (result === 0) break;
    assert.equal(inWork, 0);
    const read = async (): Promise<void> => {
      for await (const result of inOrder([1, 2, 3, 4, 5], 2, work)) assert.ok(result < 3);
    };
    await assert.rejects(read(), /item 3/);
    assert.equal(inWork, 0);
  });
});
