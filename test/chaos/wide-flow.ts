// A foreach of any width, and what must be true of it at each.

import assert from "node:assert/strict";
import type { Place } from "./started.ts";

export const wideFlow = `
import { FlowSpec, parameter, step, type Inputs } from "stepwell";
export class WideFlow extends FlowSpec {
  n = parameter.integer({ default: 10 });
  declare items: number[];
  declare square: number;
  declare sum: number;
  declare count: number;
  @step start() {
    this.items = Array.from({ length: this.n }, (_, index) => index);
    return this.next(this.work, { foreach: "items" });
  }
  @step work(item: number) {
    this.square = item * item;
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.count = inputs.length;
    this.sum = inputs.map((input) => input.square).reduce((a, b) => a + b, 0);
    if (inputs.some((input, index) => input.square !== index * index)) throw new Error("the inputs are out of order");
    return this.next(this.end);
  }
  @step end() {}
}
`;

const sumOfSquares = (n: number): number => ((n - 1) * n * (2 * n - 1)) / 6;

export async function checkCounts(place: Place, counts: readonly number[]): Promise<void> {
  place.write("flow.ts", wideFlow);
  for (const n of counts) {
    const { run, status, tasks } = await place.document("run", "flow.ts", "--n", String(n));
    assert.deepEqual([n, status, tasks.succeeded], [n, "succeeded", n + 3]);
    assert.equal((await place.run("get", `${run}/join/0/count`)).stdout, `${n}\n`);
    assert.equal((await place.run("get", `${run}/end/0/sum`)).stdout, `${sumOfSquares(n)}\n`);
  }
  await place.assertNothingLeft();
}
