import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlowName, parseStepName } from "../../proto/ids.ts";
import { Concurrency, enter, leave } from "./concurrency.ts";

const [flow, start] = [parseFlowName("Flow"), parseStepName("start")];

test("whoever counts tasks of a step counts them with all others, and a flow that nobody counts in is forgotten", () => {
  const concurrency = new Concurrency();
  const another = (number: number): void => void concurrency.of(parseFlowName(`Other${number}`), start);
  const used = concurrency.use(flow, start);
  another(1);
  assert.equal(concurrency.of(flow, start).step, used.step);
  enter(used);
  concurrency.release(used);
  another(2);
  const again = concurrency.of(flow, start);
  assert.equal(again.step, used.step);
  assert.deepEqual([concurrency.ofFlow(flow), concurrency.ofStep(flow, start)], [1, 1]);
  leave(again);
  another(3);
  assert.notEqual(concurrency.of(flow, start).step, used.step);
});
