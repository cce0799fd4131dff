// The limits of decorator options: at a limit an option counts, beyond it is told and the default takes its place.

import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPolicy, type StepPolicy } from "../../proto/graph.ts";
import { cpuMax, gpuMax, memoryMiBMax } from "./option-reader.ts";
import { concurrencyMaxMax, flowPolicyOf, labelsMax, policyOf, retriesMax, timeoutSecondsMax, waitMinutesMax } from "./policy.ts";

const cases: readonly [decorator: string, option: string, max: number, read: (policy: StepPolicy) => unknown, fallback: unknown][] = [
  ["retry", "times", retriesMax, (policy) => policy.retry?.times, 3],
  ["retry", "minutesBetween", waitMinutesMax, (policy) => policy.retry?.minutesBetween, 0],
  ["retry", "maxMinutes", waitMinutesMax, (policy) => policy.retry?.maxMinutes, 60],
  ["timeout", "seconds", timeoutSecondsMax, (policy) => policy.timeoutSeconds, null],
  ["resources", "cpu", cpuMax, (policy) => policy.resources.cpu, null],
  ["resources", "memory", memoryMiBMax, (policy) => policy.resources.memoryMiB, null],
  ["resources", "gpu", gpuMax, (policy) => policy.resources.gpu, 0],
  ["concurrency", "max", concurrencyMaxMax, (policy) => policy.concurrencyMax, undefined],
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

test("labels and a pool are kept; what cannot be one is told, and so are more labels than allowed", () => {
  const labels = Object.fromEntries(Array.from({ length: labelsMax }, (_, index) => [`zone${index}`, "eu-1"]));
  const good = policyOf([{ name: "resources", options: { labels, pool: "gpu" } }]);
  assert.deepEqual([good.policy.resources, good.problems], [{ cpu: null, memoryMiB: null, gpu: 0, labels, pool: "gpu" }, []]);
  for (const wrong of [{ ...labels, more: "1" }, { "": "x" }, { a: "" }, { a: 1 }, { "a=b": "c" }, [], "x", null]) {
    const { policy, problems } = policyOf([{ name: "resources", options: { labels: wrong } }]);
    assert.deepEqual([policy.resources, problems.length], [defaultPolicy.resources, 1], JSON.stringify(wrong));
  }
  for (const pool of ["", " ", "a b", "-a", 3, "x".repeat(64)]) {
    const { policy, problems } = policyOf([{ name: "resources", options: { pool } }]);
    assert.deepEqual([policy.resources, problems.length], [defaultPolicy.resources, 1], JSON.stringify(pool));
  }
});

test("@concurrency on a class stands once and has a maximum", () => {
  const one = { name: "concurrency", options: { max: 2 } };
  assert.deepEqual(flowPolicyOf([]), { concurrencyMax: null, problems: [] });
  assert.deepEqual(flowPolicyOf([one]), { concurrencyMax: 2, problems: [] });
  assert.equal(flowPolicyOf([one, one]).problems.length, 1);
  for (const options of [{}, { max: 0 }, { max: 1.5 }, { max: "2" }]) {
    const { concurrencyMax, problems } = flowPolicyOf([{ name: "concurrency", options }]);
    assert.deepEqual([concurrencyMax, problems.length], [null, 1], JSON.stringify(options));
  }
});
