// What steps do wrong while they run, as a program reads it from --json.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Folder } from "./case.ts";

const folder = new Folder();

type Failing = {
  readonly title: string;
  readonly start: string;
  readonly words?: readonly string[];
  readonly failure: Readonly<Record<string, unknown>>;
};

const cases: readonly Failing[] = [
  {
    title: "an error of its own",
    start: `if (this.items !== undefined) throw new RangeError("too large");`,
    failure: { kind: "userError", message: "RangeError: too large", location: { file: "flow.ts", line: 8, column: 41 } },
  },
  {
    title: "something thrown that is no error",
    start: `if (Math.random() < 2) throw "a text";`,
    failure: { kind: "userError", message: "Error: the step threw 'a text', which is no Error", location: null },
  },
  {
    title: "a function as an artifact",
    start: `this.made = { deep: [() => 1] };`,
    failure: {
      kind: "refusedArtifact",
      message: "artifact made.deep[0] cannot be kept: it is a function; keep the data that it works on, or its name",
      location: null,
    },
  },
  {
    title: "an instance of a class as an artifact",
    start: `this.made = new (class Model {})();`,
    failure: {
      kind: "refusedArtifact",
      message:
        "artifact made cannot be kept: it is an instance of the class Model; keep plain data instead: the fields that matter, in { }",
      location: null,
    },
  },
  {
    title: "a promise as an artifact",
    start: `this.made = Promise.resolve(1);`,
    failure: {
      kind: "refusedArtifact",
      message: "artifact made cannot be kept: it is a Promise; await it and keep its value",
      location: null,
    },
  },
  {
    title: "a foreach over what is no list",
    start: `this.items = 7 as never;`,
    failure: { kind: "badTransition", message: "step start: foreach needs an array, and this.items is the number 7", location: null },
  },
  {
    title: "a foreach over a collection that is no list",
    start: `this.items = new Set([7]) as never;`,
    failure: {
      kind: "badTransition",
      message: "step start: foreach needs an array, and this.items is not an array: its type is Set(1)",
      location: null,
    },
  },
  {
    title: "a foreach over more than --max-splits",
    start: `this.items = [1, 2, 3];`,
    words: ["--max-splits", "2"],
    failure: {
      kind: "badTransition",
      message: "foreach of step start has 3 elements, and at most 2 are allowed; to raise it: --max-splits 3",
      location: null,
    },
  },
  {
    title: "an assignment to a parameter",
    start: `Reflect.set(this, "rate", 2);`,
    failure: {
      kind: "userError",
      message:
        "TypeError: this.rate cannot be assigned: a parameter is the same in every step; keep the value in an artifact of another name",
      location: { file: "flow.ts", line: 8, column: 13 },
    },
  },
];

for (const { title, start, words = [], failure } of cases) {
  void test(title, { timeout: 60_000 }, async () => {
    folder.write(
      "flow.ts",
      `import { FlowSpec, parameter, step } from "stepwell";
export class WrongFlow extends FlowSpec {
  rate = parameter.number({ default: 1 });
  declare items: number[];
  declare made: unknown;
  @step start() {
    this.items = [1];
    ${start}
    return this.next(this.work, { foreach: "items" });
  }
  @step work(item: number) { return this.next(this.join); }
  @step join(inputs: unknown) { return this.next(this.end); }
  @step end() {}
}
`,
    );
    const said = await folder.say(["run", "flow.ts", "--json", ...words]);
    assert.equal(said.exit, 1, said.err);
    const document = JSON.parse(said.out) as { readonly failure: Record<string, unknown> };
    const { kind, message, location } = document.failure;
    assert.deepEqual({ kind, message, location }, failure);
  });
}
