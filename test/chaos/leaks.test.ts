// Many runs from one process, also failing and cancelled ones, leave it as they found it.

import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { run, start } from "../../cli/runner.ts";
import { flowWith } from "./step-flow.ts";
import { Place, until } from "./started.ts";

void test("runs from one process leave no file open, no process and no timer", { timeout: 300_000 }, async () => {
  using place = new Place();
  process.env["STEPWELL_DIR"] = join(place.path, ".stepwell");
  process.env["PLACE"] = place.path;
  process.env["TMPDIR"] = place.temp;
  place.write("ok.ts", flowWith({ work: `spawn("sleep", ["1000"], { stdio: "ignore" });` }));
  place.write("fails.ts", flowWith({ work: `process.exit(3);` }));
  place.write("waits.ts", flowWith({ work: `tell("waits"); await pause(1e6);` }));
  const round = async (): Promise<void> => {
    assert.equal((await run(join(place.path, "ok.ts"))).status, "succeeded");
    assert.equal((await run(join(place.path, "fails.ts"))).status, "failed");
    const before = place.lines("told").length;
    const cancelled = await start(join(place.path, "waits.ts"));
    await until("the step", () => place.lines("told").length > before);
    await cancelled.cancel();
    assert.equal((await cancelled.finished).status, "cancelled");
  };
  // The first ones load what stays: the bundler's process, modules.
  await round();
  const [files, resources] = [openFiles(), process.getActiveResourcesInfo().sort()];
  for (let count = 0; count < 2; count += 1) await round();
  await until(`the files of before: ${files.join(" ")}, not ${openFiles().join(" ")}`, () => openFiles().length <= files.length);
  await until("the resources of before", () => process.getActiveResourcesInfo().length <= resources.length);
});

function openFiles(): readonly string[] {
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`).replace(/\d+/g, "N")];
    } catch {
      return []; // The folder's own.
    }
  });
}
