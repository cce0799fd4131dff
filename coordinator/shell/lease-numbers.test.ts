import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LeaseNumbers } from "./lease-numbers.ts";

function take(numbers: LeaseNumbers, count: number): readonly { readonly lease: number; readonly durableFirst: boolean }[] {
  return Array.from({ length: count }, () => {
    const next = numbers.peek();
    numbers.take();
    return next;
  });
}

void test("a run's first coordinator waits for no start to be durable", () => {
  assert.deepEqual(take(LeaseNumbers.ofNewRun(), 2), [
    { lease: 1, durableFirst: false },
    { lease: 2, durableFirst: false },
  ]);
});

void test("the first number of a later coordinator leaves after its start is durable, the others at once", () => {
  assert.deepEqual(
    take(LeaseNumbers.after(5), 3).map(({ durableFirst }) => durableFirst),
    [true, false, false],
  );
});

void test("numbers rise over any sequence of coordinators, however many of the starts after the first were lost", () => {
  const lives = fc.array(fc.record({ given: fc.integer({ min: 1, max: 40 }), lost: fc.nat(40) }), { maxLength: 12 });
  fc.assert(
    fc.property(lives, (all) => {
      let highestGiven = 0;
      let highestDurable = 0;
      let numbers = LeaseNumbers.ofNewRun();
      for (const { given, lost } of all) {
        const leases = take(numbers, given);
        for (const { lease } of leases) assert.ok(lease > highestGiven);
        highestGiven = Math.max(...leases.map(({ lease }) => lease));
        // What was durable before the crash: at least the starts that had to be.
        const kept = leases.filter(({ durableFirst }, at) => durableFirst || at < leases.length - lost);
        highestDurable = Math.max(highestDurable, ...kept.map(({ lease }) => lease));
        numbers = LeaseNumbers.after(highestDurable);
      }
    }),
  );
});
