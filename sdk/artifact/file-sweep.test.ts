import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FileArtifactStore } from "./file-store.ts";
import { renewedAfterMs } from "./sweepable.ts";

const scratch = mkdtempSync(join(tmpdir(), "stepwell-sweep-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const rounds = 100;

test("whoever stores a blob while it is swept has it afterwards, and so has everybody who stored it with him", async () => {
  const root = join(scratch, "store");
  const [sweeper, ...writers] = [1, 2, 3].map(() => new FileArtifactStore(root));
  assert.ok(sweeper !== undefined);
  for (let round = 0; round < rounds; round += 1) {
    const bytes = Buffer.from(`blob ${round % 7}`);
    const sha256 = await sweeper.put(bytes);
    const old = new Date(Date.now() - 3 * renewedAfterMs);
    utimesSync(join(root, sha256.slice(0, 2), sha256.slice(2)), old, old);
    const before = Date.now() - 2 * renewedAfterMs;
    const later = async (turns: number, act: () => Promise<unknown>): Promise<void> => {
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      await act();
    };
    const sweeps = [1, 2, 3, 5, 8, 12].map((turns) => later(turns + (round % 5), () => sweeper.delete([sha256], before)));
    await Promise.all([...sweeps, ...writers.map((writer, at) => later(3 * at, () => writer.put(bytes)))]);
    assert.deepEqual(Buffer.from(await sweeper.get(sha256)), bytes, `round ${round}`);
  }
  assert.deepEqual(readdirSync(join(root, "tmp")), []);
});

test("a blob that was stored since stays, an older one goes, and what isn't there is no error", async () => {
  const root = join(scratch, "other");
  const store = new FileArtifactStore(root);
  const sha256 = await store.put(Buffer.from("young"));
  await store.delete([sha256], Date.now() - 1000);
  assert.deepEqual(Buffer.from(await store.get(sha256)), Buffer.from("young"));
  await store.delete([sha256], Date.now() + 1000);
  assert.equal(await store.has(sha256), false);
  await store.delete([sha256], Date.now());
});
