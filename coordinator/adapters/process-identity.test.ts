import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { startOfProcess } from "./process-identity.ts";

test("a living process has one start, the same whoever asks and whenever", async () => {
  const mine = startOfProcess(process.pid);
  assert.notEqual(mine, null);
  assert.equal(startOfProcess(process.pid), mine);
  const program = `import { startOfProcess } from ${JSON.stringify(new URL("./process-identity.ts", import.meta.url).href)};
    process.stdout.write(startOfProcess(${process.pid}));`;
  assert.equal(spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" }).stdout, mine);
});

test("two processes differ, and one that has ended has none", async () => {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"]);
  assert.notEqual(startOfProcess(child.pid ?? 0), null);
  assert.notEqual(startOfProcess(child.pid ?? 0), startOfProcess(process.pid));
  child.kill("SIGKILL");
  await once(child, "close");
  assert.equal(startOfProcess(child.pid ?? 0), null);
});

test("one that has ended but whose parent hasn't noticed counts as dead", { skip: process.platform !== "linux" }, async () => {
  // The shell starts a child and becomes a program that never asks for its exit code, before the child has ended.
  const parent = spawn("sh", ["-c", "sleep 0.3 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(String(line));
  while (startOfProcess(pid) !== null) await new Promise((resolve) => setTimeout(resolve, 5));
  // Its number is still taken: signal 0 reaches it.
  assert.doesNotThrow(() => process.kill(pid, 0));
  parent.kill("SIGKILL");
  await once(parent, "close");
});

test("a number that no process has, has no start", () => {
  for (const pid of [0, -1, 2 ** 30, Number.NaN]) assert.equal(startOfProcess(pid), null);
});
