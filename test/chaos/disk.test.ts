// Disks that are full, and folders that nobody may write to.

import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openLocal } from "../../cli/local-cluster.ts";
import { parseFlowName, runIdOf } from "../../proto/ids.ts";
import { makeReadOnly, withTinyDisk } from "../tiny-disk.ts";
import { flowWith } from "./step-flow.ts";
import { Place, until } from "./started.ts";

const options = { timeout: 300_000 };

void test("an artifact that finds no room is the store's trouble: its task waits, and goes on when there is room", options, async (t) => {
  await withTinyDisk(t, { sizeKiB: 4096 }, async (disk) => {
    using place = new Place({ STEPWELL_DIR: disk });
    place.write("flow.ts", flowWith({ work: `tell("work"); this.big = new Uint8Array(3_000_000).fill(7);` }));
    writeFileSync(join(disk, "ballast"), Buffer.alloc(2_000_000));
    const started = place.start("run", "flow.ts", "--json");
    await until("a second try", () => place.lines("told").length === 2);
    rmSync(join(disk, "ballast"));
    assert.equal((await started.ended).code, 0);
    const local = await openLocal({ dir: disk });
    const run = runIdOf(parseFlowName("ChaosFlow"), 1);
    const { items } = await local.control.tasks(run, { limit: 10 });
    await local.close();
    const attempts = items.find((task) => task.step === "work")?.attempts;
    for (const { failure } of attempts?.slice(0, -1) ?? []) {
      assert.ok(failure?.kind === "store", JSON.stringify(failure));
      assert.match(
        failure.message,
        /^artifact store at .*: ENOSPC.*; the disk or the quota is full: free some space, then resume the run$/,
      );
    }
    const tries = attempts?.length ?? 0;
    assert.ok(tries >= 2 && tries <= 4, `${tries} tries`);
    assert.deepEqual(place.lines("told"), [...Array.from({ length: tries }, () => "work"), "end"]);
    await place.assertNothingLeft();
  });
});

void test("a ledger that finds no room keeps what it has, and the run goes on when there is room", options, async (t) => {
  await withTinyDisk(t, { sizeKiB: 2048 }, async (disk) => {
    using place = new Place({ STEPWELL_DIR: disk });
    place.write("flow.ts", flowWith({ work: `tell("work"); while (!told().includes("go")) await pause(10);` }));
    const started = place.start("run", "flow.ts", "--json");
    await until("the step", () => place.lines("told").length === 1);
    fill(disk);
    place.write("told", "work\ngo\n");
    await until("the complaint", () => /full|no space/i.test(started.said()));
    rmSync(join(disk, "ballast"));
    const ran = await started.ended;
    assert.equal(ran.code, 0, ran.stderr);
    // In words, once, among the other lines for people.
    assert.match(ran.stderr, /^error: the ledger takes no events; trying again \(run_id ChaosFlow\/1, .*the disk is full.*\)$/m);
    assert.doesNotMatch(ran.stderr, /^\{/m);
    await place.assertNothingLeft();
  });
});

void test("a command that is killed while the disk is full leaves a run that goes on when there is room", options, async (t) => {
  await withTinyDisk(t, { sizeKiB: 2048 }, async (disk) => {
    using place = new Place({ STEPWELL_DIR: disk });
    place.write("flow.ts", flowWith({ work: `tell("work"); while (!told().includes("go")) await pause(10);` }));
    const started = place.start("run", "flow.ts", "--json");
    await until("the step", () => place.lines("told").length === 1);
    fill(disk);
    place.write("told", "work\ngo\n");
    await until("the complaint", () => /full|no space/i.test(started.said()));
    started.kill("SIGKILL");
    await started.ended;
    const full = await place.run("resume", "--in-place", "ChaosFlow/1");
    assert.deepEqual([full.code, full.stderr], [5, fullDiskError(disk)]);
    rmSync(join(disk, "ballast"));
    assert.equal((await place.document("resume", "--in-place", "ChaosFlow/1")).status, "succeeded");
    await place.assertNothingLeft();
  });
});

void test("on a full disk nothing begins, and the error says why", options, async (t) => {
  await withTinyDisk(t, { sizeKiB: 64 }, async (disk) => {
    using place = new Place({ STEPWELL_DIR: disk });
    place.write("flow.ts", flowWith({ work: `` }));
    fill(disk);
    const ran = await place.run("run", "flow.ts");
    assert.deepEqual([ran.code, ran.stderr], [5, fullDiskError(disk)]);
    await place.assertNothingLeft();
  });
});

void test("a folder that cannot be written to is told as such", options, async (t) => {
  await withTinyDisk(t, { sizeKiB: 1024 }, async (disk) => {
    using place = new Place({ STEPWELL_DIR: join(disk, "runs") });
    place.write("flow.ts", flowWith({ work: `` }));
    assert.equal((await place.run("run", "flow.ts")).code, 0);
    makeReadOnly(disk);
    for (const words of [
      ["run", "flow.ts"],
      ["status", "latest"],
    ]) {
      const ran = await place.run(...words);
      assert.equal(ran.code, 5);
      assert.match(
        ran.stderr,
        /^error\[SW5002\]: ledger .*runs\/ledger\.db cannot be written \(EROFS.*\); check the permissions of the file and its folder\n$/,
      );
    }
    await place.assertNothingLeft();
  });
});

function fullDiskError(disk: string): string {
  return `error[SW5002]: ledger ${disk}/ledger.db: the disk is full, nothing was recorded; free some space and resume the run\n`;
}

function fill(disk: string): void {
  for (let bytes = 1 << 20; bytes >= 512; bytes >>= 1) {
    try {
      for (;;) writeFileSync(join(disk, "ballast"), Buffer.alloc(bytes), { flag: "a" });
    } catch {
      // No room for so much: try less.
    }
  }
}
