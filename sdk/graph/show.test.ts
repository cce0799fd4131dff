import assert from "node:assert/strict";
import { test } from "node:test";
import { checkFiles, flowText } from "../../test/check-text.ts";
import { formatProblem } from "./format-problem.ts";
import { problem } from "./problem.ts";
import { showFlow } from "./show.ts";
import type { ShowFormat } from "./show.ts";

const text = `/** Tries sizes. */
${flowText(`rate = parameter.number({ default: 0.1 });
  dataset = parameter.string({ required: true, choices: ["iris", "digits"] });
  key = parameter.string({ default: "sesame", secret: true });
  declare failure?: Error;
  @step start() { this.items = [1]; return this.next(this.left, this.right, this.node); }
  @step left() { this.size = "big"; return this.next({ big: this.big, small: this.small }, { condition: "size" }); }
  @step big() { return this.next(this.join); }
  @retry({ times: 3 }) @timeout({ minutes: 10 }) @catchError({ var: "failure" })
  @step small() { return this.next(this.join); }
  @step right() { return this.next(this.train, { foreach: "items" }); }
  @step train() { return this.next(this.best); }
  @step best(inputs: Inputs<this>) { return this.next(this.join); }
  @step node() { return this.next(this.join); }
  @step join(inputs: Inputs<this>) { return this.next(this.end); }
  @step end() {}`)}`;

async function show(format: ShowFormat): Promise<string> {
  const { graph, problems } = await checkFiles({ "flow.ts": text });
  assert.deepEqual(problems, []);
  assert.ok(graph);
  return showFlow(graph, { format, file: "flows/flow.ts" });
}

test("as text: the way from start to end, the parameters, a line for each step", async () => {
  const expected = `TestFlow  flows/flow.ts
  start ─┬▶ left ─┬size=big▶ big ═join▶ join ─▶ end
         │        └size=small▶ small ═join▶ join
         ├▶ right ═foreach(items)▶ train ═join▶ best ═join▶ join
         └▶ node ═join▶ join
  params   rate number =0.1   dataset string of iris|digits (required)   key string (secret)
  step   type     next               decorators                                 line
  start  branch   left, right, node  -                                          8
  left   switch   big, small         -                                          9
  big    linear   join               -                                          10
  small  linear   join               retry(3) catchError(failure) timeout(10m)  12
  right  foreach  train              -                                          13
  train  linear   best               -                                          14
  best   join     join               -                                          15
  node   linear   join               -                                          16
  join   join     end                -                                          17
  end    end      -                  -                                          18
`;
  assert.equal(await show("text"), expected);
});

test("as text: what a step needs of its worker, and how much may run at the same time", async () => {
  const flow = `import { batch, concurrency, FlowSpec, resources, step } from "stepwell";
@concurrency({ max: 10 })
export class TestFlow extends FlowSpec {
  @resources({ memory: 2048, labels: { zone: "eu", disk: "ssd" }, pool: "gpu" }) @concurrency({ max: 2 })
  @step start() { return this.next(this.end); }
  @batch({ cpu: 2 }) @resources({ pool: "batch" })
  @step end() {}
}`;
  const { graph, problems } = await checkFiles({ "flow.ts": flow });
  assert.deepEqual(problems, []);
  assert.ok(graph);
  assert.equal(
    showFlow(graph, { format: "text", file: "flow.ts" }),
    `TestFlow  flow.ts
  start ─▶ end
  at most 10 tasks at the same time, over all runs
  step   type   next  decorators                                                  line
  start  start  end   resources(mem=2G,zone=eu,disk=ssd,pool=gpu) concurrency(2)  5
  end    end    -     batch(cpu=2,mem=4G) resources(pool=batch)                   7
`,
  );
});

test("as mermaid: `end` is a word of the language, so nodes have names of their own", async () => {
  const lines = (await show("mermaid")).split("\n");
  assert.equal(lines[0], "flowchart LR");
  assert.ok(lines.includes('  step_end(["end"])'));
  assert.ok(lines.includes('  step_join[/"join"/]'));
  assert.ok(lines.includes('  step_left{"left"}'));
  assert.ok(lines.includes('  step_left -->|"size = big"| step_big'));
  assert.ok(lines.includes('  step_right ==>|"foreach items"| step_train'));
  assert.ok(lines.includes("  step_join --> step_end"));
});

test("as dot: names are quoted, since `node` is a word of the language", async () => {
  const lines = (await show("dot")).split("\n");
  assert.equal(lines[0], "digraph TestFlow {");
  assert.ok(lines.includes('  "node" [shape=box];'));
  assert.ok(lines.includes('  "join" [shape=trapezium];'));
  assert.ok(lines.includes('  "left" -> "big" [label="size = big"];'));
  assert.ok(lines.includes('  "right" -> "train" [label="foreach items", style=bold];'));
});

test("as text: long chains and many parameters are broken into lines, and every step is in the picture once", async () => {
  const names = Array.from({ length: 25 }, (_, index) => `step${index}`);
  const steps = names.map((name, index) => `@step ${name}() { return this.next(this.${names[index + 1] ?? "end"}); }`);
  const parameters = names.map((name) => `${name}Parameter = parameter.number({ default: 1 });`);
  const chain = flowText(`${parameters.join("\n")}
  @step start() { return this.next(this.step0); }
  ${steps.join("\n")}
  @step end() {}`);
  const { graph } = await checkFiles({ "flow.ts": chain });
  assert.ok(graph);
  const lines = showFlow(graph, { format: "text", file: "flow.ts" }).split("\n");
  const table = lines.findIndex((line) => line.startsWith("  step "));
  const drawn = lines.slice(1, table);
  assert.ok(
    drawn.every((line) => line.length <= 110),
    drawn.join("\n"),
  );
  const picture = drawn.filter((line) => line.includes("─▶"));
  assert.deepEqual(
    picture
      .join(" ")
      .split(/[─▶ ]+/)
      .filter(Boolean),
    ["start", ...names, "end"],
  );
  assert.ok(picture.length > 1 && picture.slice(0, -1).every((line) => line.endsWith("─▶")));
});

test("as JSON: the graph itself", async () => {
  const graph = JSON.parse(await show("json")) as { flow: string; steps: { name: string; within: string[] }[] };
  assert.equal(graph.flow, "TestFlow");
  assert.deepEqual(graph.steps.find((step) => step.name === "train")?.within, ["start", "right"]);
});

test("a problem has colours only when asked, and its mark stands under tabs too", () => {
  const place = { file: "flow.ts", line: 7, column: 3, sourceLine: "\t\tthis.next(this.end);" };
  const found = problem("SW1006", place, { message: "wrong", hint: "better" });
  const plain = formatProblem(found, { color: false });
  assert.equal(plain, "error[SW1006]: wrong\n  --> flow.ts:7:3\n    7 | \t\tthis.next(this.end);\n      | \t\t^\n  hint: better");
  const colored = formatProblem(found, { color: true });
  assert.ok(colored.includes("\u001b["));
  // oxlint-disable-next-line no-control-regex -- escape sequences begin with a control character
  assert.equal(colored.replace(/\u001b\[\d+m/g, ""), plain);
});

test("a long line is cut around the mark", () => {
  const sourceLine = `${"a".repeat(500)}!${"b".repeat(500)}`;
  const found = problem("SW1006", { file: "flow.ts", line: 1, column: 501, sourceLine }, { message: "wrong" });
  const [, , source = "", mark = ""] = formatProblem(found, { color: false }).split("\n");
  assert.equal(source[mark.indexOf("^")], "!");
  assert.ok(source.length < 200);
});
