// Memory groups of this machine's kernel. They take root, or a group that was given to this user; elsewhere the tests are left out.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MemoryGroups } from "./memory-group.ts";
import { findGroupPlace } from "./memory-group-place.ts";
import { MemoryLimit } from "./memory-limit.ts";

const place = findGroupPlace();
const started: ChildProcess[] = [];

after(() => {
  for (const child of started) child.kill("SIGKILL");
});

/** Takes as many MiB as each line says, as fast as it can, and keeps them; a line of words is what a child of it is to take. */
const taker = `
  const held = [];
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    if (line.startsWith("child ")) {
      const code = "Buffer.alloc(" + Number(line.slice(6)) + " * 2 ** 20, 1)";
      const child = require("node:child_process").spawn(process.execPath, ["-e", code], { stdio: "ignore" });
      child.on("exit", (status, signal) => console.log(signal ?? status));
    } else {
      held.push(Buffer.alloc(Number(line) * 2 ** 20, 1));
      console.log("took");
    }
  });
  console.log("ready");
`;

class Taker {
  readonly child = spawn(process.execPath, ["-e", taker], { stdio: ["pipe", "pipe", "ignore"] });
  readonly ended = once(this.child, "exit");
  #text = "";
  #lines = 0;

  constructor() {
    started.push(this.child);
    this.child.stdout.on("data", (chunk: Buffer) => (this.#text += chunk.toString()));
    this.child.stdin.on("error", () => undefined);
  }

  get pid(): number {
    assert.ok(this.child.pid !== undefined);
    return this.child.pid;
  }

  async line(): Promise<string> {
    for (;;) {
      const lines = this.#text.split("\n");
      const line = lines[this.#lines];
      if (lines.length > this.#lines + 1 && line !== undefined) {
        this.#lines += 1;
        return line;
      }
      await sleep(2);
    }
  }

  ask(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }
}

function groupsOf(t: TestContext, name: string): { readonly groups: MemoryGroups; folder(): string } {
  let made = "";
  const groups = new MemoryGroups(name, (folder) => (made = folder));
  t.after(() => groups.close());
  return { groups, folder: () => made };
}

const options = { skip: place === null ? "this process may make no memory groups" : false };

test("what takes memory in one go is ended by the kernel at its limit, and not after it", options, async (t) => {
  const taken = new Taker();
  await taken.line();
  const { groups, folder } = groupsOf(t, "at-once");
  const limit = new MemoryLimit(taken.pid, () => groups.enter("1", taken.pid));
  await limit.begin(300);
  assert.equal(limit.isToBeWatched, false);
  assert.equal(limit.excess(), null);
  taken.ask("2000");
  assert.deepEqual(await taken.ended, [null, "SIGKILL"]);
  const { excess, byKernel } = limit.afterDeath();
  assert.ok(byKernel && excess !== null);
  assert.equal(excess.limitMiB, 300);
  assert.ok(excess.peakMiB >= 300 && excess.peakMiB <= 320, `peak ${excess.peakMiB} MiB`);
  await limit.close();
  assert.deepEqual(
    readdirSync(folder(), { withFileTypes: true }).filter((entry) => entry.isDirectory()),
    [],
  );
});

test(
  "a limit counts for its attempt: what the process held before is not in it, and the next attempt has another or none",
  options,
  async (t) => {
    const taken = new Taker();
    await taken.line();
    const { groups } = groupsOf(t, "attempts");
    const limit = new MemoryLimit(taken.pid, () => groups.enter("1", taken.pid));
    const take = async (mebibytes: number): Promise<void> => {
      taken.ask(String(mebibytes));
      assert.equal(await taken.line(), "took");
    };
    await limit.begin(null);
    await take(200);
    await limit.begin(200);
    await take(60);
    await limit.begin(200);
    await take(60);
    await limit.begin(null);
    await take(200);
    assert.equal(limit.excess(), null);
    await limit.begin(200);
    taken.ask("200");
    assert.deepEqual(await taken.ended, [null, "SIGKILL"]);
    assert.equal(limit.afterDeath().excess?.limitMiB, 200);
    await limit.close();
  },
);

test("what the process has started counts, and is told although the process itself lives on", options, async (t) => {
  const taken = new Taker();
  await taken.line();
  const { groups } = groupsOf(t, "children");
  const limit = new MemoryLimit(taken.pid, () => groups.enter("1", taken.pid));
  await limit.begin(200);
  taken.ask("child 500");
  assert.equal(await taken.line(), "SIGKILL");
  const excess = limit.excess();
  assert.ok(excess !== null && excess.limitMiB === 200, JSON.stringify(excess));
  await limit.begin(200);
  assert.equal(limit.excess(), null, "the next attempt begins anew");
  taken.child.kill("SIGKILL");
  await taken.ended;
  assert.equal(limit.afterDeath().excess, null);
  await limit.close();
});

test("groups of a worker that was killed are taken away by the next one, those of one that lives are not", options, async (t) => {
  assert.ok(place !== null);
  const gone = spawn(process.execPath, ["-e", ""]);
  await once(gone, "exit");
  const abandoned = join(place.folder, `stepwell-worker.${gone.pid}.gone`);
  const living = join(place.folder, `stepwell-worker.${process.pid}.living`);
  for (const folder of [abandoned, living]) for (const each of [folder, join(folder, "1")]) mkdirSync(each);
  const taken = new Taker();
  await taken.line();
  const { groups, folder } = groupsOf(t, "next");
  const group = groups.enter("1", taken.pid);
  assert.ok(group !== null);
  assert.deepEqual([existsSync(abandoned), existsSync(living)], [false, true]);
  rmdirSync(join(living, "1"));
  rmdirSync(living);
  taken.child.kill("SIGKILL");
  await taken.ended;
  await group.remove();
  await groups.close();
  assert.equal(existsSync(folder()), false);
});

test("where no group can be made, the limit is kept by looking", async () => {
  const taken = new Taker();
  await taken.line();
  const limit = new MemoryLimit(taken.pid, () => null);
  await limit.begin(300);
  assert.equal(limit.isToBeWatched, true);
  assert.equal(limit.excess(), null);
  taken.ask("400");
  assert.equal(await taken.line(), "took");
  const excess = limit.excess();
  assert.ok(excess !== null && excess.limitMiB === 300 && excess.peakMiB > 400, JSON.stringify(excess));
  await limit.begin(null);
  assert.deepEqual([limit.isToBeWatched, limit.excess()], [false, null]);
  taken.child.kill("SIGKILL");
  await taken.ended;
});
