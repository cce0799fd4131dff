// The limits of decorator options: at a limit an option counts, beyond it is told and the default takes its place.

import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPolicy, type StepPolicy } from "../../proto/graph.ts";
import { cpuMax, gpuMax, memoryMiBMax, policyOf, retriesMax, timeoutSecondsMax, waitMinutesMax } from "./policy.ts";

const cases: readonly [decorator: string, option: string, max: number, read: (policy: StepPolicy) => unknown, fallback: unknown][] = [
  ["retry", "times", retriesMax, (policy) => policy.retry?.times, 3],
  ["retry", "minutesBetween", waitMinutesMax, (policy) => policy.retry?.minutesBetween, 0],
  ["retry", "maxMinutes", waitMinutesMax, (policy) => policy.retry?.maxMinutes, 60],
  ["timeout", "seconds", timeoutSecondsMax, (policy) => policy.timeoutSeconds, null],
  ["resources", "cpu", cpuMax, (policy) => policy.resources.cpu, 1],
  ["resources", "memory", memoryMiBMax, (policy) => policy.resources.memoryMiB, 4096],
  ["resources", "gpu", gpuMax, (policy) => policy.resources.gpu, 0],
];

for (const [name, option, max, read, fallback] of cases) {
  test(`@${name}: ${option} may be ${max} and not more`, () => {
    const at = policyOf([{ name, options: { [option]: max } }]);
    assert.deepEqual([read(at.policy), at.problems], [max, []]);
    const above = policyOf([{ name, options: { [option]: max + 1 } }]);
    assert.equal(read(above.policy), fallback);
    assert.match(above.problems[0]?.message ?? "", new RegExp(`^@${name}: ${option} is ${max + 1}$`));
  });
}

test("the parts of a time-out count together, towards the limit too", () => {
  assert.equal(policyOf([{ name: "timeout", options: { seconds: 1.5, minutes: 2, hours: 1 } }]).policy.timeoutSeconds, 3721.5);
  const { policy, problems } = policyOf([{ name: "timeout", options: { seconds: 1, hours: timeoutSecondsMax / 3600 } }]);
  assert.equal(policy.timeoutSeconds, null);
  assert.deepEqual(problems, [
    {
      decorator: "timeout",
      message: `@timeout: ${timeoutSecondsMax + 1} seconds is too long`,
      hint: `give at most ${timeoutSecondsMax} seconds`,
    },
  ]);
});

test("without decorators a step has the default policy", () => {
  assert.deepEqual(policyOf([]), { policy: defaultPolicy, problems: [] });
});

test("options that are nonsense are told, whatever they are", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, "3", null, {}, -1]) {
    assert.equal(policyOf([{ name: "retry", options: { times: value } }]).problems.length, 1, JSON.stringify(value));
  }
});
