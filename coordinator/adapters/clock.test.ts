import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import type { Clock } from "../ports/clock.ts";
import { ManualClock } from "./manual-clock.ts";
import { SystemClock } from "./system-clock.ts";

describe("ManualClock", () => {
  test("C1: callbacks run in the order in which they are due, equal ones as they were set", () => {
    const clock = new ManualClock();
    const ran: string[] = [];
    clock.after(20, () => ran.push("c"));
    clock.after(10, () => ran.push("a"));
    clock.after(10, () => ran.push("b"));
    clock.advance(9);
    assert.deepEqual(ran, []);
    clock.advance(11);
    assert.deepEqual(ran, ["a", "b", "c"]);
  });

  test("C2: a callback sees the time at which it was due, and what it sets runs in the same advance", () => {
    const clock = new ManualClock(5_000);
    const seen: number[] = [];
    clock.after(10, () => {
      seen.push(clock.nowMs());
      clock.after(15, () => seen.push(clock.nowMs()));
    });
    clock.advance(100);
    assert.deepEqual(seen, [5_010, 5_025]);
    assert.equal(clock.nowMs(), 5_100);
  });

  test("a cancelled callback does not run", () => {
    const clock = new ManualClock();
    const cancel = clock.after(10, () => assert.fail("was cancelled"));
    assert.equal(clock.nextDueMs(), 10);
    cancel();
    assert.equal(clock.nextDueMs(), null);
    clock.advance(100);
  });

  test("a jump of the wall clock moves nothing that is measured", () => {
    const clock = new ManualClock();
    const before = { wall: clock.nowMs(), steady: clock.monotonicMs() };
    clock.after(10, () => assert.fail("is not due"));
    clock.jump(3_600_000);
    assert.equal(clock.nowMs() - before.wall, 3_600_000);
    clock.jump(-7_200_000);
    assert.equal(clock.nowMs() - before.wall, -3_600_000);
    assert.equal(clock.monotonicMs(), before.steady);
  });
});

describe("SystemClock", () => {
  const clock: Clock = new SystemClock();

  test("it calls back once, and never before the delay is over", async () => {
    for (const delayMs of [0, 0.5, 1, 3.2, 20]) {
      const startMs = clock.monotonicMs();
      await new Promise<void>((resolve) => clock.after(delayMs, resolve));
      assert.ok(clock.monotonicMs() - startMs >= delayMs);
    }
  });

  test("a cancelled callback does not run", async () => {
    const cancel = clock.after(1, () => assert.fail("was cancelled"));
    cancel();
    await new Promise<void>((resolve) => clock.after(5, resolve));
  });

  test("a background alarm lets the process end, and another does not", () => {
    const clockFile = new URL("system-clock.ts", import.meta.url).href;
    const code = (options: string) =>
      `import { SystemClock } from ${JSON.stringify(clockFile)}; new SystemClock().after(50, () => console.log("rang")${options});`;
    const output = (options: string) =>
      spawnSync(process.execPath, ["--input-type=module", "-e", code(options)], { encoding: "utf8", timeout: 10_000 }).stdout;
    assert.equal(output(", { background: true }"), "");
    assert.equal(output(""), "rang\n");
  });

  test("a delay longer than a Node timer can wait does not fire at once", async () => {
    const cancel = clock.after(2 ** 31 + 1_000, () => assert.fail("came 25 days early"));
    await new Promise<void>((resolve) => clock.after(20, resolve));
    cancel();
  });
});
