import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { parseTaskId } from "../../proto/ids.ts";
import { appendLine, describeLogStore, lineOf, newRun } from "../ports/log-store.conformance.ts";
import { FileLogStore } from "./file-log-store.ts";
import { withTinyDisk } from "../../test/tiny-disk.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-logs-"));
after(() => rmSync(folder, { recursive: true }));

function openStore(root: string, dropped: string[] = []): FileLogStore {
  return new FileLogStore({ root, onDropped: (message) => dropped.push(message) });
}

function openHandles(): number {
  return readdirSync("/proc/self/fd").length;
}

describeLogStore("FileLogStore", async () => openStore(join(folder, "conformance")));

describe("FileLogStore's own promises", () => {
  test("an attempt's lines are JSON lines in a file named after it, and who prints nothing leaves nothing", async () => {
    const root = join(folder, "layout");
    const store = openStore(root);
    const run = newRun();
    store.append(run, parseTaskId("quiet/0"), 0, []);
    appendLine(store, run, { task: "score/2.0", atMs: 7, attempt: 1, text: "hello" });
    await store.close();
    const path = join(root, run, "score", "2.0", "1.ndjson");
    assert.equal(readFileSync(path, "utf8"), '{"atMs":7,"stream":"stdout","text":"hello"}\n');
    assert.deepEqual(readdirSync(join(root, run)), ["score"]);
  });

  test("F1: no file stays open, neither after writing nor while reading", { skip: process.platform !== "linux" }, async () => {
    const store = openStore(join(folder, "handles"));
    const run = newRun();
    const before = openHandles();
    for (let i = 0; i < 300; i++) for (const atMs of [i, 1_000]) appendLine(store, run, { task: `train/${i}`, atMs });
    await store.flush();
    assert.equal(openHandles(), before);
    let most = 0;
    for await (const line of store.read({ run })) most = Math.max(most, line.atMs < 1_000 ? 0 : openHandles());
    assert.ok(most <= before + 1, `${most} handles while reading, ${before} before`);
    await store.close();
  });

  test("F2: lines reach the file by themselves", async () => {
    const root = join(folder, "timer");
    const store = openStore(root);
    const run = newRun();
    appendLine(store, run, { task: "train/0", atMs: 1 });
    const path = join(root, run, "train/0/0.ndjson");
    // The time-out of the test runner bounds the wait: only that it comes is the rule here.
    while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 20));
    await store.close();
  });

  test("F3: a torn last line is skipped, and what follows it starts on a line of its own", async () => {
    const root = join(folder, "torn");
    const run = newRun();
    const whole = lineOf(run, { task: "train/0", atMs: 1 });
    const first = openStore(root);
    first.append(run, whole.task, 0, [whole]);
    await first.close();
    const path = join(root, run, "train/0/0.ndjson");
    for (const torn of ['{"atMs":2,"stre', '{"a', '{"atMs":3,"stream":"stdout","text":"\ud83d']) {
      appendFileSync(path, torn);
      assert.deepEqual((await Array.fromAsync(openStore(root).read({ run }))).at(-1)?.text.startsWith("at "), true);
    }
    const second = openStore(root);
    const later = appendLine(second, run, { task: "train/0", atMs: 4 });
    assert.deepEqual(await Array.fromAsync(second.read({ run })), [whole, later]);
    await second.close();
  });

  test("F3: a file whose very first line was torn still gives the lines after it", async () => {
    const root = join(folder, "torn-first");
    const run = newRun();
    mkdirSync(join(root, run, "train/0"), { recursive: true });
    writeFileSync(join(root, run, "train/0/0.ndjson"), '{"at');
    const store = openStore(root);
    assert.deepEqual(await Array.fromAsync(store.read({ run })), []);
    const line = appendLine(store, run, { task: "train/0", atMs: 9 });
    assert.deepEqual(await Array.fromAsync(store.read({ run })), [line]);
    await store.close();
  });

  test("files and folders that are not logs are left alone", async () => {
    const root = join(folder, "strangers");
    const run = newRun();
    const store = openStore(root);
    const line = appendLine(store, run, { task: "train/0", atMs: 1 });
    await store.flush();
    for (const stranger of ["train/0/notes.txt", "train/0/0.ndjson.bak", "train/.DS_Store", ".hidden", "train/0/x.ndjson"]) {
      writeFileSync(join(root, run, stranger), "{}\n");
    }
    assert.deepEqual(await Array.fromAsync(store.read({ run, attempt: "all" })), [line]);
    await store.close();
  });

  test("what was flushed survives kill -9, and reads without an error", async () => {
    const root = join(folder, "killed");
    const run = newRun();
    const program = `
      import { FileLogStore } from ${JSON.stringify(new URL("./file-log-store.ts", import.meta.url).href)};
      const store = new FileLogStore({ root: ${JSON.stringify(root)}, onDropped: console.error });
      for (let atMs = 0; ; atMs++) {
        store.append(${JSON.stringify(run)}, "train/0", 0, [{ run: ${JSON.stringify(run)}, task: "train/0", attempt: 0, stream: "stdout", atMs, text: "x".repeat(1000) }]);
        if (atMs % 50 === 0) { await store.flush(); console.log(atMs); }
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    let flushed = -1;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      flushed = Math.max(flushed, ...text.trim().split("\n").map(Number));
      if (flushed > 1_000) child.kill("SIGKILL");
    });
    await once(child, "close");
    const times = (await Array.fromAsync(openStore(root).read({ run }))).map(({ atMs }) => atMs);
    assert.ok(times.length > flushed);
    assert.deepEqual(
      times,
      times.map((_, i) => i),
    );
  });

  test("F4: on a full disk lines are dropped with one warning, what was there stays readable, and later ones are kept again", async (t) => {
    await withTinyDisk(t, { sizeKiB: 256 }, async (disk) => {
      const dropped: string[] = [];
      const store = openStore(join(disk, "logs"), dropped);
      const run = newRun();
      const kept = appendLine(store, run, { task: "train/0", atMs: 1 });
      await store.flush();
      writeFileSync(join(disk, "ballast"), Buffer.alloc(200 * 1024));
      for (let i = 0; i < 3; i++) {
        appendLine(store, run, { task: "train/0", atMs: 2, text: "x".repeat(100_000) });
        await store.flush();
      }
      assert.equal(dropped.length, 1);
      assert.match(dropped.join("\n"), /output of tasks is being dropped: .*0\.ndjson cannot be written \(ENOSPC/);
      rmSync(join(disk, "ballast"));
      const later = appendLine(store, run, { task: "train/0", atMs: 3 });
      assert.deepEqual(await Array.fromAsync(store.read({ run })), [kept, later]);
      await store.close();
    });
  });
});
