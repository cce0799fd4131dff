import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { checkFiles, flowText } from "../../test/check-text.ts";
import { flowBodyOf, randomFlow } from "../../test/random-flow.ts";
import { extractGraph } from "./extract.ts";

test("the graph of any well-formed flow is exactly what its steps say, and nothing is wrong with it", async () => {
  await fc.assert(
    fc.asyncProperty(randomFlow, async (steps) => {
      const { graph, problems } = await checkFiles({ "flow.ts": flowText(flowBodyOf(steps)) });
      assert.deepEqual(problems, []);
      const found = graph?.steps.map(({ name, transition, joins, within }) => ({ name, transition, joins, within }));
      assert.deepEqual(found, steps);
    }),
    { numRuns: 150 },
  );
});

test("the order of methods in the file doesn't matter", async () => {
  await fc.assert(
    fc.asyncProperty(randomFlow, async (steps) => {
      const shuffled = steps.toReversed();
      const { graph } = await checkFiles({ "flow.ts": flowText(flowBodyOf(shuffled)) });
      assert.deepEqual(
        graph?.steps.map((step) => [step.name, step.joins, step.within]),
        shuffled.map((step) => [step.name, step.joins, step.within]),
      );
    }),
    { numRuns: 30 },
  );
});

test("a step may dispose of what it uses when it ends, with using and await using", async () => {
  const body = `
  declare sum: number;
  @step async start() {
    await using first = { async [Symbol.asyncDispose]() {} };
    using second = { [Symbol.dispose]() {} };
    this.sum = [first, second].length;
    return this.next(this.middle);
  }
  @step middle() {
    using only = { [Symbol.dispose]() {} };
    if (only === undefined) return this.next(this.end);
    return this.next(this.end);
  }
  @step end() {
    using only = { [Symbol.dispose]() {} };
    console.log(only, this.sum);
  }`;
  const { problems } = await checkFiles({ "flow.ts": flowText(body) });
  assert.deepEqual(
    problems.map(({ code, line }) => [code, line]),
    [["SW1005", 13]],
  );
  const right = await checkFiles({ "flow.ts": flowText(body.replace(/^.*if \(only.*\n/m, "")) });
  assert.deepEqual(right.problems, []);
  assert.deepEqual(
    right.graph?.steps.map(({ transition }) => transition.kind),
    ["linear", "linear", "end"],
  );
});

test("steps carry their comment, file and line, inherited ones those of their own file", async () => {
  const base = [
    'import { FlowSpec, step, retry } from "stepwell";',
    "/** Not this one. */",
    "export abstract class BaseFlow extends FlowSpec {",
    "  /**",
    "   * Begins.",
    "   * On two lines.",
    "   */",
    "  @retry({ times: 2 })",
    "  @step start() { return this.next(this.middle); }",
    "  abstract middle(): ReturnType<BaseFlow['start']>;",
    "  @step end() {}",
    "}",
  ];
  const leaf = [
    'import { step } from "stepwell";',
    'import { BaseFlow } from "../shared/base.ts";',
    "/** Does it. */",
    "export class LeafFlow extends BaseFlow {",
    "  @step async middle() { return this.next(this.end); }",
    "}",
  ];
  const { graph, problems } = await checkFiles({ "flow.ts": leaf.join("\n"), "../shared/base.ts": base.join("\n") });
  assert.deepEqual(problems, []);
  assert.equal(graph?.flow, "LeafFlow");
  assert.equal(graph.doc, "Does it.");
  assert.deepEqual(
    graph.steps.map(({ name, doc, file, line }) => ({ name, doc, file, line })),
    [
      { name: "start", doc: "Begins.\nOn two lines.", file: "../shared/base.ts", line: 9 },
      { name: "end", doc: "", file: "../shared/base.ts", line: 11 },
      { name: "middle", doc: "", file: "flow.ts", line: 5 },
    ],
  );
});

test("SW1030: a step whose text is no method is refused", async () => {
  const { definition } = await checkFiles({ "flow.ts": flowText("@step start() { return this.next(this.end); }\n@step end() {}") });
  assert.ok(definition);
  const native = definition.steps.map((step) => ({ ...step, source: "function () { [native code] }" }));
  const place = { file: "flow.ts", line: 3, column: 7, sourceLine: null, source: "flow.ts" };
  const source = {
    members: new Map(),
    placeOfClass: place,
    placeOfClassDecorator: () => place,
    placeIn: () => place,
    placeOfDecorator: () => place,
    placeOfField: () => place,
    headOf: () => "",
    docOf: () => "",
    docOfClass: () => "",
  };
  const { graph, problems } = extractGraph({ ...definition, steps: native }, source, "flow.ts");
  assert.equal(graph, null);
  assert.deepEqual(
    problems.map(({ code, message }) => `${code} ${message}`),
    ["start", "end"].map((step) => `SW1030 the text of step "${step}" cannot be read: "function () { [native code] }"`),
  );
});

test("ways of writing a step that mean the same give the same graph", async () => {
  const ways = [
    "@step start() { return this.next(this.end); }",
    "@step async start() { return await this.next(this.end); }",
    "@step start() { return (this.next(this.end)); }",
    '@step start() { return this["next"](this["end"]); }',
    "@step start() { function later() { return 1; } return this.next(this.end); }",
    "@step start() { const double = (x: number) => { return 2 * x; }; double(1); return this.next(this.end); }",
    "@step start() { if (Date.now() < 0) throw new Error(); return this.next(this.end); }",
    "#hidden = 1; @step start() { this.#hidden += 1; return this.next(this.end); }",
  ];
  for (const way of ways) {
    const { graph, problems } = await checkFiles({ "flow.ts": flowText(`${way}\n@step end() {}`) });
    assert.deepEqual(problems, [], way);
    assert.deepEqual(graph?.steps[0]?.transition, { kind: "linear", to: "end" }, way);
  }
});
