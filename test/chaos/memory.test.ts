// Steps that take more memory than their group may have, ended by the kernel. It takes root and the memory groups of
// Linux; elsewhere the test says that it was skipped.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findGroupPlace } from "../../worker/adapters/task-process/memory-group-place.ts";
import { flowWith } from "./step-flow.ts";
import { Place, until } from "./started.ts";

const options = { timeout: 300_000 };
const limitBytes = 400 * 1024 * 1024;

/** A memory group within this process's own, or null where none can be made. */
function makeGroup(): string | null {
  const own = readFileSync("/proc/self/cgroup", "utf8");
  const [, v1] = /^\d+:memory:(.*)$/m.exec(own) ?? [];
  const [, v2] = /^0::(.*)$/m.exec(own) ?? [];
  const parent = v1 !== undefined ? join("/sys/fs/cgroup/memory", v1) : join("/sys/fs/cgroup", v2 ?? "");
  const group = join(parent, `chaos-${process.pid}`);
  try {
    mkdirSync(group);
    const limit = ["memory.limit_in_bytes", "memory.max"].map((name) => join(group, name)).find(existsSync);
    if (limit === undefined) throw new Error("the group has no limit");
    writeFileSync(limit, String(limitBytes));
    return group;
  } catch {
    if (existsSync(group)) rmdirSync(group);
    return null;
  }
}

void test("a step that the kernel ends for want of memory has failed as out of memory, and the run goes on", options, async (t) => {
  const group = existsSync("/proc/self/cgroup") ? makeGroup() : null;
  if (group === null) return t.skip("memory groups take root on Linux");
  using place = new Place();
  const work = `const all: Buffer[] = []; if (current.attempt === 0) for (;;) all.push(Buffer.alloc(20_000_000, 1));`;
  place.write("flow.ts", flowWith({ decorators: "@retry({ times: 1, minutesBetween: 0 })", work }));
  const ran = await place.startIn(join(group, "cgroup.procs"), "run", "flow.ts", "--json").ended;
  assert.equal(ran.code, 0, ran.stderr);
  const attempts = await place.reading(async ({ control }) => {
    const run = (await control.runs({ namespace: null, limit: 1 })).items[0]!.run;
    return (await control.tasks(run, { limit: 10 })).items.find((task) => task.step === "work")?.attempts;
  });
  assert.deepEqual(
    attempts?.map(({ outcome, failure }) => [outcome, failure?.kind]),
    [
      ["failed", "outOfMemory"],
      ["succeeded", undefined],
    ],
  );
  await place.assertNothingLeft();
  await until("an empty group", () => readFileSync(join(group, "cgroup.procs"), "utf8") === "");
  rmdirSync(group);
});

const swelling = "@resources({ memory: 256 })";

void test("a step that fills memory at once holds no more than it may, and the kernel ends it", options, async (t) => {
  if (findGroupPlace() === null) return t.skip("memory groups take root on Linux");
  using place = new Place();
  place.write("flow.ts", flowWith({ decorators: swelling, work: `this.big = new Uint8Array(3_000_000_000).fill(1);` }));
  const ran = await place.start("run", "flow.ts", "--json").ended;
  assert.equal(ran.code, 1, ran.stderr);
  const { failure } = JSON.parse(ran.stdout) as { failure: { message: string } };
  const [, peakMiB] = /^out of memory \(peak (\d+) MiB, limit 256 MiB\)$/.exec(failure.message) ?? [];
  assert.ok(Number(peakMiB) >= 256 && Number(peakMiB) < 300, failure.message);
  await place.assertNothingLeft();
});

void test("a command that is killed while a step with a limit runs leaves no memory group", options, async (t) => {
  const around = findGroupPlace()?.folder;
  if (around === undefined) return t.skip("memory groups take root on Linux");
  using place = new Place();
  place.write("flow.ts", flowWith({ decorators: swelling, work: `tell(process.pid); await pause(1e6);` }));
  const started = place.start("run", "flow.ts");
  await until("the step", () => place.lines("told").length === 1);
  const groups = (): readonly string[] => readdirSync(around).filter((name) => name.startsWith(`stepwell-worker.${started.pid}.`));
  assert.equal(groups().length, 1);
  process.kill(started.pid, "SIGKILL");
  await started.ended;
  await until("the end of its groups", () => groups().length === 0);
  await place.assertNothingLeft();
});
