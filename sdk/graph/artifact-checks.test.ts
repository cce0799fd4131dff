// What must not be reported; problems.golden.txt has what must.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkFiles, flowText } from "../../test/check-text.ts";

async function codesOf(body: string): Promise<readonly string[]> {
  const { problems } = await checkFiles({ "flow.ts": flowText(body) });
  return problems.map((problem) => `${problem.code} ${problem.message}`);
}

const end = "@step end() { console.log(this.x); }";

test("ways of setting an artifact are known as such", async () => {
  const ways = [
    "this.x = 1;",
    "this.x ??= 1;",
    "[this.x] = [1];",
    "({ value: this.x } = { value: 1 });",
    "({ ...this.x } = { value: 1 });",
    "for (this.x of [1, 2]);",
    '["a"].forEach((each) => { this.x = each; });',
    'this["x"] = 1;',
    'const name = "x"; this[name] = 1;',
    "Object.assign(this, { x: 1 });",
    "const self = this; self.x = 1;",
    "this.fill();",
    "[1].forEach(this.fill, this);",
  ];
  for (const way of ways) {
    const body = `@step start() { ${way} return this.next(this.end); }\nfill() { this.fillMore(); }\nfillMore() { this.x = 1; }\n${end}`;
    assert.deepEqual(await codesOf(body), [], way);
  }
});

test("questions about an artifact are no reads", async () => {
  for (const way of ["typeof this.y", '"y" in this', "this.y ??= 1", "function f() { return this.y; } f.call(null)"]) {
    assert.deepEqual(await codesOf(`@step start() { this.x = 1; ${way}; return this.next(this.end); }\n${end}`), [], way);
  }
});

test("what one path sets is not reported, whatever the others do", async () => {
  const body = `@step start() { this.size = "big"; return this.next({ big: this.a, small: this.b }, { condition: "size" }); }
@step a() { this.x = 1; return this.next(this.end); }
@step b() { return this.next(this.end); }
${end}`;
  assert.deepEqual(await codesOf(body), []);
});

test("a loop may read what it sets further down", async () => {
  const body = `@step start() { for (let i = 0; i < 2; i++) { if (i > 0) console.log(this.x); this.x = i; } return this.next(this.end); }\n${end}`;
  assert.deepEqual(await codesOf(body), []);
});

const joined = (
  merge: string,
): string => `@step start() { this.x = 1; this.y = 2; this.items = [1]; return this.next(this.a, { foreach: "items" }); }
@step a() { return this.next(this.join); }
@step join(inputs: Inputs<this>) { ${merge} return this.next(this.end); }
${end}`;

test("a join takes over what it merges, and nothing else", async () => {
  const lost = ['SW1101 "end" reads this.x, which no step before it has set'];
  assert.deepEqual(await codesOf(joined("")), lost);
  assert.deepEqual(await codesOf(joined("this.mergeArtifacts(inputs);")), []);
  assert.deepEqual(await codesOf(joined('this.mergeArtifacts(inputs, { include: ["x"] });')), []);
  assert.deepEqual(await codesOf(joined('this.mergeArtifacts(inputs, { include: ["y"] });')), lost);
  assert.deepEqual(await codesOf(joined('this.mergeArtifacts(inputs, { exclude: ["y"] });')), []);
  assert.deepEqual(await codesOf(joined('this.mergeArtifacts(inputs, { exclude: ["x"] });')), lost);
  assert.deepEqual(await codesOf(joined('const options = { include: ["x" as const] }; this.mergeArtifacts(inputs, options);')), []);
  assert.deepEqual(await codesOf(joined("this.x = inputs.length;")), []);
});

test("parameters, constants, getters and the artifact of @catchError are there", async () => {
  const body = `rate = parameter.number({ default: 1 });
limit = 3;
get double() { return this.rate * 2; }
declare failure?: Error;
@catchError({ var: "failure" })
@step start() { return this.next(this.end); }
@step end() { console.log(this.rate, this.limit, this.double, this.failure, this.input, this.index, this.name, this.toString()); }`;
  assert.deepEqual(await codesOf(body), []);
});

test("a foreach or switch may use a parameter or a constant", async () => {
  const body = `sizes = [1, 2];
mode = parameter.string({ default: "a" });
@step start() { return this.next(this.a, { foreach: "sizes" }); }
@step a() { return this.next({ a: this.b, b: this.c }, { condition: "mode" }); }
@step b() { return this.next(this.join); }
@step c() { return this.next(this.join); }
@step join(inputs: Inputs<this>) { return this.next(this.end); }
@step end() {}`;
  assert.deepEqual(await codesOf(body), []);
});
