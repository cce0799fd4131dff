// Runs, steps, tasks and artifacts that don't exist, and runs that don't allow what is asked of them. The cases are in
// names.golden.txt.

import assert from "node:assert/strict";
import { before } from "node:test";
import { Folder, testCases } from "./case.ts";

const folder = new Folder();

before(async () => {
  folder.write(
    "flow.ts",
    `import { FlowSpec, parameter, step, type Inputs } from "stepwell";
export class SumFlow extends FlowSpec {
  limit = parameter.integer({ default: 9 });
  declare items: number[];
  declare square: number;
  declare sum: number;
  @step start() {
    this.items = [1, 2];
    return this.next(this.work, { foreach: "items" });
  }
  @step work(item: number) {
    if (item > this.limit) throw new RangeError("too large");
    this.square = item * item;
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.sum = inputs.length;
    return this.next(this.end);
  }
  @step end() {}
}
`,
  );
  folder.write(
    "other.ts",
    `import { FlowSpec, step } from "stepwell";
export class OtherFlow extends FlowSpec {
  @step start() { return this.next(this.end); }
  @step end() {}
}
`,
  );
  assert.equal((await folder.say(["run", "flow.ts", "-q"])).out, "SumFlow/1\n");
  assert.equal((await folder.say(["run", "flow.ts", "-q", "--limit", "1"])).out, "SumFlow/2\n");
});

testCases("names.golden.txt", folder);
