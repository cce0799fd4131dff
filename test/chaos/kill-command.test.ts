// The whole command is killed while it runs. test/deep/ does it many more times.

import assert from "node:assert/strict";
import { test } from "node:test";
import { killUntilDone } from "./killed-run.ts";
import { isAlive, Place, until } from "./started.ts";

const options = { timeout: 300_000 };

for (const seed of [1, 2]) {
  void test(`a run killed at moments of seed ${seed} ends right, and nothing accepted runs again`, options, async () => {
    using place = new Place();
    await killUntilDone(place, { seed, kills: 4 });
  });
}

const stubborn = `
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { FlowSpec, step } from "stepwell";
const tell = (name: string, pid: unknown) => appendFileSync(process.env.PLACE + "/pids", name + " " + pid + "\\n");
export class StubbornFlow extends FlowSpec {
  @step start() {
    return this.next(this.loops, this.waits);
  }
  @step loops() {
    const child = spawn("sh", ["-c", "sleep 1000 & echo $! > $PLACE/grandchild; wait"], { detached: true, stdio: "ignore" });
    tell("child", child.pid);
    tell("loops", process.pid);
    for (;;);
    return this.next(this.join);
  }
  @step async waits() {
    process.on("SIGTERM", () => undefined);
    spawn("setsid", ["sleep", "1000"], { stdio: "ignore" });
    tell("waits", process.pid);
    await new Promise((resolve) => setTimeout(resolve, 1_000_000));
    return this.next(this.join);
  }
  @step join(inputs: unknown) {
    return this.next(this.end);
  }
  @step end() {}
}
`;

void test("steps in endless loops, deaf ones, and what they started end with a killed command", options, async () => {
  using place = new Place();
  place.write("flow.ts", stubborn);
  const started = place.start("run", "flow.ts", "--max-workers", "2");
  await until("both steps", () => place.lines("pids").length === 3 && place.lines("grandchild").length === 1);
  const pids = [...place.lines("pids").map((line) => Number(line.split(" ")[1])), Number(place.lines("grandchild")[0])];
  assert.ok(pids.every(isAlive));
  started.kill("SIGKILL");
  await started.ended;
  await until("the end of the steps and of what they started", () => !pids.some(isAlive));
  await place.assertNothingLeft();
});
