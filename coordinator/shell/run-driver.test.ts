// When a run's events are appended.

import assert from "node:assert/strict";
import { test } from "node:test";
import { linear, obedient, submission } from "../../test/coordinator/graphs.ts";
import { finished, House } from "../../test/coordinator/harness.ts";

void test("starts of steps that end soon are appended with what follows, one append for each step", async (t) => {
  const house = await House.open(t);
  const appended: string[] = [];
  const { ledger, clock } = house;
  const append = ledger.append.bind(ledger);
  ledger.append = (...args) => {
    appended.push(args[2].map((event) => event.kind).join());
    return append(...args);
  };
  const coordinator = await house.start();
  const graph = linear(["start", ...Array.from({ length: 48 }, (_, at) => `step${at}`), "end"]);
  const answer = obedient(graph);
  const execute: typeof answer = (order) => {
    clock.advance(5); // Several steps in the time that a start may wait.
    return answer(order);
  };
  await house.worker(coordinator, { slots: 1, execute, forgetful: true });
  await finished(coordinator, await coordinator.control.submit(submission(graph)));
  assert.ok(!appended.includes("taskStarted"));
  assert.equal(appended.filter((kinds) => kinds.includes("taskSucceeded")).length, 50);
});
