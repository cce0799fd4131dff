// What every launcher must do. An adapter's own test file names itself and says how to open one whose workers run until they
// are told to stop.

import assert from "node:assert/strict";
import { setTimeout as after } from "node:timers/promises";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { LaunchId } from "../../proto/launch.ts";
import { newLaunchId, someShape } from "./launch-ledger.conformance.ts";
import type { JobReport, JobStages, Launcher } from "./launcher.ts";

/** For what a service does in its own time. Milliseconds. */
const settleMsMax = 20_000;

export function describeLauncher(name: string, open: () => Promise<Launcher>): void {
  describe(`${name} as a launcher`, () => {
    let launcher: Launcher;
    const started: string[] = [];
    beforeEach(async () => {
      launcher = await open();
    });
    afterEach(async () => {
      await launcher.end(
        started.splice(0).map((job) => ({ job, indexes: null })),
        "the test is over",
      );
      await launcher.close();
    });

    const launched = async (launch: LaunchId, count: number): Promise<string> => {
      const answer = await launcher.launch({ launch, shape: someShape, count, environment: { STEPWELL_POOL: "batch" } });
      assert.equal(answer.kind, "launched");
      started.push(answer.job);
      return answer.job;
    };
    const settled = async (job: string, holds: (stages: JobStages) => boolean): Promise<JobReport> => {
      for (const endMs = performance.now() + settleMsMax; ; await after(50)) {
        const [report = null] = await launcher.describe([job]);
        if (report !== null && holds(report.stages)) return report;
        assert.ok(performance.now() < endMs, `still ${JSON.stringify(report?.stages)}`);
      }
    };
    const endedOf = ({ succeeded, failed }: JobStages): number => succeeded + failed;

    test("a worker of some shape has room for its tasks", () => {
      const size = launcher.sizeOf(someShape);
      assert.ok(size !== null && size.slots >= someShape.slots && size.usdPerHour >= 0);
      assert.ok(size.cpu >= someShape.cpu * size.slots - 1e-6 && size.memoryMiB >= someShape.memoryMiB * size.slots);
    });

    for (const count of [1, 3]) {
      test(`a launch of ${count} runs ${count} workers, which are found by its name`, async () => {
        const [launch, other] = [newLaunchId(), newLaunchId()];
        const job = await launched(launch, count);
        await launched(other, 1);
        const { stages } = await settled(job, ({ running }) => running === count);
        assert.deepEqual(stages, { waiting: 0, starting: 0, running: count, succeeded: 0, failed: 0 });
        assert.deepEqual(await launcher.find([launch]), [{ launch, job, over: false }]);
      });
    }

    test("the whole job is ended, once or twice", async () => {
      const launch = newLaunchId();
      const job = await launched(launch, 2);
      await settled(job, ({ running }) => running === 2);
      await launcher.end([{ job, indexes: null }], "not needed");
      await settled(job, (stages) => endedOf(stages) === 2);
      await launcher.end([{ job, indexes: null }], "not needed");
      assert.deepEqual(await launcher.find([launch]), [{ launch, job, over: true }]);
    });

    test("workers are ended by their indexes, and the others run on", async () => {
      const job = await launched(newLaunchId(), 3);
      await settled(job, ({ running }) => running === 3);
      await launcher.end([{ job, indexes: [0, 2] }], "not needed");
      const { stages, failures } = await settled(job, (seen) => endedOf(seen) === 2);
      assert.equal(stages.running, 1);
      assert.deepEqual(
        failures.filter(({ index }) => index === 1),
        [],
      );
    });

    test("of what was never launched nothing is known", async () => {
      assert.deepEqual(await launcher.find([newLaunchId()]), []);
      assert.deepEqual(await launcher.describe(["11111111-2222-3333-4444-555555555555"]), [null]);
    });
  });
}
