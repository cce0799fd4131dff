// What every ledger of launches must do. An adapter's own test file names itself and says how to open one.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { LaunchEvent } from "../core/launching/event.ts";
import { parseLaunchId, type LaunchId } from "../../proto/launch.ts";
import type { Shape } from "../../proto/shape.ts";
import type { LaunchLedger } from "./launch-ledger.ts";

export const someShape: Shape = {
  cpu: 0.25,
  memoryMiB: 500,
  gpu: 0,
  queue: null,
  image: null,
  platform: null,
  capacity: "spot",
  slots: 1,
  options: {},
};

let launches = 0;

export function newLaunchId(): LaunchId {
  return parseLaunchId(`launch${String(launches++).padStart(6, "0")}`);
}

/** One event of each kind. */
export function someEvents(launch: LaunchId): readonly LaunchEvent[] {
  const of = { atMs: 1000, launch };
  return [
    {
      kind: "launchPlanned",
      ...of,
      shape: { ...someShape, image: "ü\u2028", options: { env: { A: "b" } } },
      count: 3,
      slots: 2,
      usdPerHour: 0.1,
    },
    { kind: "launchPostponed", ...of, problem: "throttled", reason: "slow down", untilMs: 2000 },
    { kind: "launchUncertain", ...of, reason: "the connection was lost" },
    { kind: "launchSubmitted", ...of, job: "job-1", knownBy: "name" },
    { kind: "extraJobsFound", ...of, jobs: ["job-2", "job-3"] },
    { kind: "extraJobsEnded", ...of, jobs: ["job-2"] },
    { kind: "workerClaimed", ...of, index: 0, worker: "w" },
    { kind: "workerLeft", ...of, index: 0, why: "drained" },
    { kind: "workersGivenUp", ...of, indexes: [2], why: "not needed", isTrouble: false },
    { kind: "workersGivenUp", ...of, indexes: null, why: "not needed", isTrouble: true },
    { kind: "workersFailed", ...of, count: 1, problem: "image", reason: "CannotPullContainerError" },
    { kind: "launchOver", ...of, end: { kind: "refused", reason: "no such queue" } },
    { kind: "launchOver", ...of, end: { kind: "ended" } },
  ];
}

/** `open` gives an empty ledger; the suite closes it. */
export function describeLaunchLedger(name: string, open: () => Promise<LaunchLedger>): void {
  describe(`${name} as a ledger of launches`, () => {
    let ledger: LaunchLedger;
    before(async () => {
      ledger = await open();
    });
    after(() => ledger.close());

    const historyOf = async (launch: LaunchId): Promise<LaunchEvent[]> =>
      (await Array.fromAsync(ledger.read())).filter((event) => event.launch === launch);

    test("every kind of event is read back equal, in the order of appending", async () => {
      const launch = newLaunchId();
      const [first, ...others] = someEvents(launch);
      assert.ok(first !== undefined);
      await ledger.append([first]);
      await ledger.append(others);
      assert.deepEqual(await historyOf(launch), someEvents(launch));
    });

    test("appends that are made at the same time are taken in their order", async () => {
      const launch = newLaunchId();
      const events = someEvents(launch);
      await Promise.all(events.map((event) => ledger.append([event])));
      assert.deepEqual(await historyOf(launch), events);
    });

    test("what is forgotten is gone, and nothing else", async () => {
      const [gone, kept] = [newLaunchId(), newLaunchId()];
      await ledger.append([...someEvents(gone), ...someEvents(kept)]);
      await ledger.forget([gone]);
      await ledger.forget([gone, newLaunchId()]);
      assert.deepEqual(await historyOf(gone), []);
      assert.deepEqual(await historyOf(kept), someEvents(kept));
    });
  });
}
