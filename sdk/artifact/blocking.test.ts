import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseSha256 } from "../../proto/ids.ts";
import { BlockingBridge } from "./blocking.ts";
import { FileArtifactStore } from "./file-store.ts";
import { keepArtifacts } from "./keep.ts";
import { readArtifactSync } from "./read.ts";
import { describeArtifactStore } from "./store.conformance.ts";

const url = new URL("../../test/artifact/slow-store.ts", import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), "stepwell-bridge-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const absent = parseSha256("0".repeat(64));

describeArtifactStore("a bridge", () => {
  const root = mkdtempSync(join(scratch, "root-"));
  const files = new FileArtifactStore(root);
  const bridge = new BlockingBridge({ url, options: root });
  return {
    store: {
      put: (bytes) => files.put(bytes),
      putStream: (source) => files.putStream(source),
      get: (sha256, range) => files.get(sha256, range),
      stream: (sha256) => files.stream(sha256),
      has: (sha256) => files.has(sha256),
      getSync: (sha256, range) => bridge.getSync(sha256, range),
    },
    corrupt(sha256) {
      const path = join(root, sha256.slice(0, 2), sha256.slice(2));
      chmodSync(path, 0o644);
      writeFileSync(path, readFileSync(path).with(0, 0));
    },
    writesCount: () =>
      readdirSync(root)
        .filter((name) => name.length === 2)
        .flatMap((shard) => readdirSync(join(root, shard))).length,
    close: () => bridge.close(),
  };
});

describe("a bridge to a store that cannot block", () => {
  test("reads artifacts while its caller waits", async () => {
    const root = mkdtempSync(join(scratch, "root-"));
    const bridge = new BlockingBridge({ url, options: root });
    const array = new Float64Array(500_000).map((_, index) => index);
    const kept = await keepArtifacts(
      new Map<string, unknown>([
        ["array", array],
        ["a", "a".repeat(2000)],
        ["b", "b".repeat(2000)],
      ]),
      new FileArtifactStore(root),
    );
    assert.ok(kept["array"] !== undefined && kept["b"] !== undefined);
    assert.deepEqual(readArtifactSync(kept["array"], bridge), array);
    assert.equal(readArtifactSync(kept["b"], bridge), "b".repeat(2000));
    await bridge.close();
  });

  test("tells why its store cannot be opened", async () => {
    const bridge = new BlockingBridge({ url, options: "broken" });
    assert.throws(() => bridge.getSync(absent), {
      name: "ArtifactStoreError",
      problem: "unreachable",
      message: /the door is locked; see that the store is well/,
    });
    await bridge.close();
  });

  test("tells which module cannot be loaded", async () => {
    const bridge = new BlockingBridge({ url: new URL("./nowhere.ts", url), options: null });
    assert.throws(() => bridge.getSync(absent), { problem: "unreachable", message: /nowhere\.ts/ });
    await bridge.close();
  });

  test("wakes its caller when its thread ends, and starts another for the next read", async () => {
    const bridge = new BlockingBridge({ url, options: "dying" });
    for (let read = 0; read < 2; read += 1) {
      assert.throws(() => bridge.getSync(absent), {
        problem: "unreachable",
        message: /the thread that reads the store ended; run the task again/,
      });
    }
    await bridge.close();
  });

  test("doesn't keep its process alive", () => {
    const program = `
      const { BlockingBridge } = await import(${JSON.stringify(new URL("./blocking.ts", import.meta.url).href)});
      const bridge = new BlockingBridge({ url: new URL(${JSON.stringify(url.href)}), options: ${JSON.stringify(scratch)} });
      try { bridge.getSync(${JSON.stringify(absent)}); } catch (error) { console.log(error.problem); }`;
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", program], {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      encoding: "utf8",
      timeout: 20_000,
    });
    assert.equal(printed, "missing\n");
  });
});
