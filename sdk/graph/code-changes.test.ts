import assert from "node:assert/strict";
import { test } from "node:test";
import { checkFiles, flowText } from "../../test/check-text.ts";
import { changedSteps, readCodeFacts } from "./code-changes.ts";
import type { CodeFacts } from "./code-changes.ts";

const before = {
  "flow.ts": `import { scale } from "./scale.ts";\nconst factor = 2;\nconst unused = 1;\n${flowText(`
  rate = parameter.number({ default: 1 });
  seed = parameter.number({ default: 1 });
  limit = 10;
  declare x: number;
  @retry({ times: 1 })
  @step start() { this.x = factor; return this.next(this.middle); }
  @step middle() { this.x = this.helped(); return this.next(this.last); }
  @step last() { this.x = scale(this.x) * this.seed; return this.next(this.end); }
  @step end() { console.log(this.x); }
  helped() { return this.x * this.rate + this.limit; }`)}`,
  "scale.ts": "const by = 3;\nexport const scale = (x: number) => x * by;\nexport const unrelated = (x: number) => x;\n",
};

async function factsOf(files: Readonly<Record<string, string>>): Promise<CodeFacts> {
  const checked = await checkFiles(files);
  assert.deepEqual(checked.problems, []);
  assert.ok(checked.package);
  return readCodeFacts(checked.package);
}

async function changes(file: "flow.ts" | "scale.ts", from: string, to: string): Promise<readonly string[]> {
  assert.ok(before[file].includes(from));
  return changedSteps(await factsOf(before), await factsOf({ ...before, [file]: before[file].replace(from, to) }));
}

test("nothing has changed where the sources are equal", async () => {
  assert.deepEqual(changedSteps(await factsOf(before), await factsOf(before)), []);
});

test("a step has changed when its own text has", async () => {
  assert.deepEqual(await changes("flow.ts", "console.log(this.x)", "console.log(this.x + 1)"), ["end"]);
});

test("a step has changed when code that it comes to has", async () => {
  assert.deepEqual(await changes("flow.ts", "const factor = 2", "const factor = 3"), ["start"]);
  assert.deepEqual(await changes("flow.ts", "this.x * this.rate", "this.x + this.rate"), ["middle"]);
  assert.deepEqual(await changes("scale.ts", "const by = 3", "const by = 4"), ["last"]);
});

test("comments, decorators and code that no step comes to change nothing", async () => {
  assert.deepEqual(await changes("flow.ts", "@retry({ times: 1 })", "// Often.\n@retry({ times: 5 })"), []);
  assert.deepEqual(await changes("flow.ts", "const unused = 1", "const unused = 2"), []);
  const limited = (max: number) => ({
    ...before,
    "flow.ts": `import { concurrency } from "stepwell";\n${before["flow.ts"].replace("export class", `@concurrency({ max: ${max} }) export class`).replace("console.log(this.x)", "console.log(this.x, TestFlow.name)")}`,
  });
  assert.deepEqual(changedSteps(await factsOf(limited(1)), await factsOf(limited(2))), []);
  assert.deepEqual(await changes("scale.ts", "(x: number) => x;", "(x: number) => -x;"), []);
});

test("a new step counts as changed", async () => {
  const added = before["flow.ts"]
    .replace("this.next(this.middle)", "this.next(this.added)")
    .replace("@step end", "@step added() { return this.next(this.middle); }\n@step end");
  assert.deepEqual(changedSteps(await factsOf(before), await factsOf({ ...before, "flow.ts": added })), ["start", "added"]);
});

test("a parameter or constant is read by the steps that use it, also through methods", async () => {
  const { readBy } = await factsOf(before);
  assert.deepEqual({ ...readBy }, { rate: ["middle"], seed: ["last"], limit: ["middle"] });
});

test("a step that gives the whole flow away may read everything", async () => {
  const { readBy } = await factsOf({ ...before, "flow.ts": before["flow.ts"].replace("console.log(this.x)", "console.log(this)") });
  assert.deepEqual(readBy["rate"], ["middle", "end"]);
});

test("a parameter is read by whoever asks `current` for it, at whatever distance", async () => {
  const readBy = async (from: string, to: string, code = "") => {
    const source = `import { current } from "stepwell";\n${code}${before["flow.ts"].replace(from, to)}`;
    return (await factsOf({ ...before, "flow.ts": source })).readBy["seed"];
  };
  const helper = "const given = () => current.parameters;\nconst seedOf = () => Number(given()[`seed`]);\n";
  assert.deepEqual(await readBy("this.x = factor", "this.x = seedOf()", helper), ["start", "last"]);
  assert.deepEqual(await readBy("console.log(this.x)", "const { parameters } = current; console.log(parameters)"), ["last", "end"]);
  assert.deepEqual(await readBy("console.log(this.x)", "console.log(now.parameters)", "const now = current;\n"), ["last", "end"]);
  assert.deepEqual(await readBy("console.log(this.x)", "console.log(current.tags)"), ["last"]);
});

test("a parameter is read by the join that takes it from an input", async () => {
  const flow = (join: string) => ({
    "flow.ts": `const best = (inputs: readonly { rate: number }[]) => inputs[0]?.rate ?? 0;
const rateOf = (input: { rate: number }) => input.rate;
const same = (n: number) => n;
${flowText(`
  rate = parameter.number({ default: 1 });
  declare list: number[];
  declare x: number;
  @step start() { this.list = [1]; return this.next(this.each, { foreach: "list" }); }
  @step each(n: number) { this.x = same(n); return this.next(this.join); }
  @step join(inputs: Inputs<this>) { ${join} return this.next(this.end); }
  @step end() {}
  best(inputs: readonly { rate: number }[]) { return best(inputs); }`)}`,
  });
  const reading = [
    "this.x = inputs[0]!.rate;",
    "this.x = inputs.map(({ rate }) => rate)[0]!;",
    'this.x = inputs[0]!["rate"];',
    "this.x = best(inputs);",
    "this.x = this.best(inputs);",
    "this.x = best([...inputs]);",
    "const all = inputs; this.x = best(all);",
    "this.x = rateOf(inputs[0]!);",
    "this.x = inputs.map(rateOf)[0]!;",
    "this.x = inputs.map((input) => input).map(rateOf)[0]!;",
    "this.x = best(inputs.filter((input) => input.x > 0));",
    "for (const input of inputs) this.x = rateOf(input);",
    "const [first] = inputs; this.x = rateOf(first!);",
    "const { x, ...others } = inputs[0]!; this.x = x + Object.keys(others).length;",
    "for (const key of ['ra' + 'te'] as ['rate']) this.x = inputs[0]![key[0] as 'rate'];",
    "this.x = inputs.reduce((found, input) => (found.x > input.x ? found : input)).x;",
  ];
  for (const join of reading) assert.deepEqual((await factsOf(flow(join))).readBy["rate"], ["join"], join);
  const innocent = [
    "const rate = inputs.length; this.x = rate;",
    "this.x = same(inputs[0]!.x);",
    "this.mergeArtifacts(inputs, { include: ['x'] });",
    "this.x = inputs.filter((input) => input.x > 0).reduce((sum, input) => sum + input.x, 0);",
    "this.x = 0; for (const { x } of inputs) this.x += same(x);",
    "const [first] = inputs; this.x = inputs.toSorted((a, b) => a.x - b.x).at(-1)?.x ?? first!.x;",
    "for (const input of inputs) console.log(`${input.x}`); this.x = inputs.map((input, index) => same(input.x) + index)[0]!;",
  ];
  for (const join of innocent) assert.deepEqual((await factsOf(flow(join))).readBy["rate"], [], join);
});
