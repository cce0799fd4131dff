import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkFiles, flowText } from "../../test/check-text.ts";
import { checkFlow } from "../graph/check-flow.ts";
import * as stepwell from "../index.ts";
import { openPackage } from "./code-package.ts";
import type { LoadedPackage } from "./code-package.ts";
import { CodePackageError, writeContainer } from "./container.ts";

const root = mkdtempSync(join(tmpdir(), "stepwell-package-"));
after(() => rmSync(root, { recursive: true }));

async function packageOf(files: Readonly<Record<string, string>>, target?: string): Promise<Uint8Array> {
  const checked = await checkFiles(files, target);
  assert.deepEqual(checked.problems, []);
  assert.ok(checked.package);
  return checked.package;
}

async function loaded(files: Readonly<Record<string, string>>): Promise<LoadedPackage> {
  return openPackage(await packageOf(files), { stepwell });
}

/** Calls a method of a flow that has nothing to do with steps. */
function call(flow: LoadedPackage, method: string): unknown {
  const object = new (flow.freshFlow())();
  return Reflect.apply(Reflect.get(object, method) as () => unknown, object, []);
}

const steps = "@step start() { return this.next(this.end); }\n@step end() {}";

test("equal sources give equal bytes, wherever they are", async () => {
  const text = flowText(steps);
  const folders = ["here", "over/there"].map((folder) => join(root, folder));
  for (const folder of folders) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "flow.ts"), text);
    cpSync(join(folder, "flow.ts"), join(folder, "copy.ts"));
  }
  const [a, b] = await Promise.all(folders.map(async (folder) => (await checkFlow("flow.ts", { folder })).package));
  assert.ok(a !== null && b !== null && a !== undefined && b !== undefined);
  assert.deepEqual(Buffer.from(a), Buffer.from(b));
  assert.ok(!Buffer.from(a).toString().includes(root), "no absolute path is in it");
});

test("a folder behind a link gives the same bytes, and places in its files", async () => {
  const folder = join(root, "real");
  mkdirSync(folder);
  writeFileSync(join(folder, "flow.ts"), flowText(steps));
  symlinkSync(folder, join(root, "link"));
  const [real, linked] = [await checkFlow("flow.ts", { folder }), await checkFlow("link/flow.ts", { folder: root })];
  assert.deepEqual(linked.problems, []);
  assert.deepEqual(linked.package, real.package);
  assert.deepEqual(
    linked.graph?.steps.map((step) => `${step.file}:${step.line}`),
    ["flow.ts:3", "flow.ts:4"],
  );
});

test("a flow may import what else the package of Stepwell exports, and hears what it doesn't", async () => {
  const { problems } = await checkFiles({
    "flow.ts": `import nothing from "stepwell/nothing";\nconsole.log(nothing);\n${flowText(steps)}`,
  });
  assert.equal(problems.length, 1);
  assert.match(problems[0]?.message ?? "", /^flow\.ts cannot be loaded: Error: Package subpath '\.\/nothing' is not defined by "exports"/);
  const flow = await loaded({
    "flow.ts": `import manifest from "stepwell/package.json";\n${flowText(`ask() { return manifest.name; }\n${steps}`)}`,
  });
  assert.equal(call(flow, "ask"), "stepwell");
});

test("the state of modules is fresh each time", async () => {
  const flow = await loaded({
    "flow.ts": `import { count } from "./state.ts";\n${flowText(`tick() { return count(); }\n${steps}`)}`,
    "state.ts": "let counted = 0;\nexport const count = () => ++counted;\n",
  });
  assert.equal(call(flow, "tick"), 1);
  assert.equal(call(flow, "tick"), 1);
  assert.notEqual(flow.freshFlow(), flow.freshFlow());
});

test("a flow extends the FlowSpec that the process has", async () => {
  const flow = await loaded({ "flow.ts": flowText(steps) });
  assert.ok(flow.freshFlow().prototype instanceof stepwell.FlowSpec);
  assert.equal(flow.flowName, "TestFlow");
  assert.equal(flow.file, "flow.ts");
});

test("a flow imports modules of Node and its own files, also while it runs, and nothing else", async () => {
  const flow = await loaded({
    "flow.ts": flowText(`
  async builtin() { return (await import("node:path")).basename("a/b"); }
  async own() { return (await import("./own.ts")).value; }
  data() { return JSON.stringify([data, text]); }
  async other() { const name = "left-" + "pad"; return import(name); }
  ${steps}`).replace("\n", '\nimport data from "./data.json";\nimport text from "./query.sql";\n'),
    "own.ts": "export const value = 7;\n",
    "data.json": '{ "rows": 3 }\n',
    "query.sql": "select 1",
  });
  assert.equal(await call(flow, "builtin"), "b");
  assert.equal(await call(flow, "own"), 7);
  assert.equal(call(flow, "data"), '[{"rows":3},"select 1"]');
  await assert.rejects(async () => call(flow, "other"), {
    message:
      'cannot import "left-pad" while the flow runs: its code is one package, made beforehand; import it by a literal name, so that it becomes part of the package',
  });
});

test("dependencies may ask where they are", async () => {
  const flow = await loaded({
    "flow.ts": `import answer from "dep";\n${flowText(`ask() { return answer; }\n${steps}`)}`,
    "node_modules/dep/package.json": '{ "type": "module", "exports": "./index.js" }',
    "node_modules/dep/index.js":
      'import { createRequire } from "node:module";\nexport default createRequire(import.meta.url)("node:path").sep;\n',
  });
  assert.equal(call(flow, "ask"), "/");
});

test("of several flows in a file the one that was named is in the package, by its own name", async () => {
  const text = 'import { FlowSpec, step } from "stepwell";\n';
  const flow = (name: string, before = "export ") =>
    `${before}class ${name} extends FlowSpec {\n${steps}\nwho() { return ${name}.mark; }\nstatic mark = "${name}";\n}\n`;
  const files = { "flow.ts": text + flow("OneFlow") + flow("TwoFlow") };
  const two = openPackage(await packageOf(files, "flow.ts:TwoFlow"), { stepwell });
  assert.deepEqual([two.flowName, call(two, "who")], ["TwoFlow", "TwoFlow"]);
  const byDefault = await loaded({ "flow.ts": text + flow("OnlyFlow", "export default ") });
  assert.deepEqual([byDefault.flowName, call(byDefault, "who")], ["OnlyFlow", "OnlyFlow"]);
  const derived = await loaded({ "flow.ts": `${text}${flow("BaseFlow", "export abstract ")}export class RealFlow extends BaseFlow {}\n` });
  assert.equal(derived.flowName, "RealFlow");
});

const failing = {
  "flow.ts": `import { fail } from "./fail.ts";\n${flowText(`boom(): void {\n  fail([() => { throw new TypeError("first line\\nsecond line"); }]);\n}\n${steps}`)}`,
  "fail.ts":
    'import { run } from "dep";\nexport function fail(work: (() => void)[]) {\n  for (const each of work) {\n    run(each);\n  }\n}\n',
  "node_modules/dep/package.json": '{ "exports": "./index.js" }',
  "node_modules/dep/index.js": "exports.run = function run(work) { work(); };\n",
};

test("a stack trace is cut to the author's frames, mapped to the source", async () => {
  const flow = await loaded(failing);
  let stack = "";
  try {
    call(flow, "boom");
  } catch (error) {
    stack = (error as Error).stack ?? "";
  }
  const located = flow.locate(stack);
  assert.deepEqual(located.stack.split("\n"), [
    "TypeError: first line",
    "second line",
    "    at flow.ts:5:23",
    "    at fail (fail.ts:4:5)",
    "    at TestFlow.boom (flow.ts:5:3)",
  ]);
  assert.deepEqual(located.place, { file: "flow.ts", line: 5, column: 23 });
  assert.deepEqual(flow.excerpt({ file: "fail.ts", line: 4, column: 5 }, 1), {
    firstLine: 3,
    lines: ["  for (const each of work) {", "    run(each);", "  }"],
  });
  assert.deepEqual(flow.excerpt({ file: "fail.ts", line: 1, column: 1 })?.firstLine, 1);
  assert.equal(flow.excerpt({ file: "elsewhere.ts", line: 1, column: 1 }), null);
});

test("a stack without frames of the flow has no place", async () => {
  const flow = await loaded({ "flow.ts": flowText(steps) });
  assert.deepEqual(flow.locate("Error: no frames"), { stack: "Error: no frames", place: null });
  assert.deepEqual(flow.locate("Error: far\n    at other (node:fs:1:1)"), { stack: "Error: far", place: null });
});

test("what is no package, or was cut, is refused", async () => {
  const bytes = await packageOf({ "flow.ts": flowText(steps) });
  const refuse = (wrong: Uint8Array, message: RegExp): void =>
    assert.throws(
      () => openPackage(wrong, { stepwell }),
      (error) => error instanceof CodePackageError && message.test(error.message),
    );
  refuse(Buffer.from("no such thing"), /^these bytes are no code package: they don't start with its header$/);
  refuse(Buffer.from('{"stepwell":"other"}\n'), /^these bytes are no code package/);
  refuse(bytes.subarray(0, -1), /^the code package of TestFlow has \d+ bytes instead of \d+; it was cut$/);
  refuse(
    Buffer.from('{"stepwell":"code","version":2}\n'),
    /^the code package has format 2; this Stepwell reads format 1: use the version that made it$/,
  );
  refuse(
    Buffer.from('{"stepwell":"code","version":1,"flowName":"a b"}\n'),
    /^the header of the code package is damaged: "a b" is not a flow name/,
  );
});

test("a package whose flow is missing says so when the flow is asked for", () => {
  const content = { flowName: "GoneFlow" as LoadedPackage["flowName"], exportName: "GoneFlow", file: "flow.ts", code: "", sourceMap: "{}" };
  assert.throws(() => openPackage(writeContainer(content), { stepwell }).freshFlow(), {
    message: "the code package has no flow GoneFlow: it is damaged",
  });
});
