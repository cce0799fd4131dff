import assert from "node:assert/strict";
import { test } from "node:test";
import { Circle, Party, turnCost } from "./turns.ts";

/** The next of those who wait, charged for its turn. */
function turn(circle: Circle, waiting: readonly { readonly party: Party; readonly cost: number }[]): Party {
  const next = waiting.reduce((least, one) => (one.party.spent < least.party.spent ? one : least));
  circle.charge(next.party, next.cost);
  return next.party;
}

void test("shares are as the priorities say", () => {
  const circle = new Circle();
  const waiting = [20, 10, 0].map((priority) => ({ party: new Party(), cost: turnCost(priority) }));
  for (const { party } of waiting) circle.enter(party);
  const turns = Array.from({ length: 700 }, () => turn(circle, waiting));
  const counts = waiting.map(({ party }) => turns.filter((one) => one === party).length);
  for (const [at, wanted] of [400, 200, 100].entries()) assert.ok(Math.abs((counts[at] ?? 0) - wanted) <= 2, counts.join());
});

void test("who was away has saved up nothing", () => {
  const circle = new Circle();
  const stayed = { party: new Party(), cost: 1 };
  const left = { party: new Party(), cost: 1 };
  circle.enter(stayed.party);
  for (let turns = 0; turns < 100; turns += 1) turn(circle, [stayed]);
  circle.enter(left.party);
  const turns = Array.from({ length: 10 }, () => turn(circle, [stayed, left]));
  const count = turns.filter((one) => one === left.party).length;
  assert.ok(count >= 4 && count <= 6, `${count} of 10`);
});

void test("newcomers without end keep nobody waiting for ever, the lowest priority neither", () => {
  const circle = new Circle();
  const patient = { party: new Party(), cost: turnCost(-100) };
  circle.enter(patient.party);
  turn(circle, [patient]);
  let others = 0;
  for (; others < 10_000; others += 1) {
    const newcomer = { party: new Party(), cost: turnCost(0) };
    circle.enter(newcomer.party);
    if (turn(circle, [patient, newcomer]) === patient.party) break;
    circle.leave(newcomer.party);
  }
  assert.ok(others < 3000, `${others} others came first`);
});

void test("a place more in the circle gives no turn more", () => {
  const circle = new Circle();
  const party = new Party();
  circle.enter(party);
  circle.charge(party, 1);
  const { spent } = party;
  circle.enter(party);
  circle.leave(party);
  assert.equal(party.spent, spent);
});
