// What a run says where nobody sits in front of it: pipes, CI machines, programs.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Project } from "./project.ts";

const options = { timeout: 60_000 };
const project = new Project();

const flow = `import { FlowSpec, catchError, parameter, retry, step, type Inputs } from "stepwell";
export class LoudFlow extends FlowSpec {
  count = parameter.integer({ default: 3 });
  declare items: number[];
  declare failure?: Error;
  @step start() {
    this.items = Array.from({ length: this.count }, (_, index) => index);
    return this.next(this.work, { foreach: "items" });
  }
  @step work(item: number) {
    console.log("out", item);
    console.error("err", item);
    if (item === 2) throw new Error("50% of\\nthe time");
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) { return this.next(this.end); }
  @step end() {}
}
`;

before(() => project.write("loud.ts", flow));
after(() => project[Symbol.dispose]());

void test("on GitHub, the run's lines fold away, and the failure is an annotation at its place", options, async () => {
  const { exit, out } = await project.say("run loud.ts", { CI: "true", GITHUB_ACTIONS: "true" });
  assert.equal(exit, 1);
  const lines = out.trimEnd().split("\n");
  assert.equal(lines[0], "::group::LoudFlow/1");
  const end = lines.indexOf("::endgroup::");
  assert.ok(
    lines.slice(1, end).every((line) => /^(\d{4}-|work\/\d \| )/.test(line)),
    out,
  );
  assert.match(lines[end + 1] ?? "", /^✗ LoudFlow\/1 failed/);
  assert.equal(lines.at(-1), "::error file=loud.ts,line=13,col=27::Error: 50%25 of%0Athe time");
  assert.equal(lines.filter((line) => line.startsWith("::")).length, 3);
});

void test("--logs chooses whose output is shown: of those that failed, of none", options, async () => {
  const failed = await project.say("run loud.ts --logs failed");
  assert.deepEqual(failed.out.match(/^work\/.*$/gm), ["work/2 | out 2", "work/2 | err 2"]);
  assert.equal((await project.say("run loud.ts --logs none")).out.match(/^work\/.*$/gm), null);
});

void test("a foreach that is too wide is refused before its tasks are made, with their number", options, async () => {
  const { exit, out } = await project.say("run loud.ts --count 600 --max-splits 500 -o jsonl");
  assert.equal(exit, 1);
  const events = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; pathspec: string; failure?: { text: string } });
  assert.ok(!events.some(({ pathspec }) => pathspec.includes("/work/")), "no task of it exists");
  assert.equal(
    events.find(({ event }) => event === "task.failed")?.failure?.text,
    "foreach of step start has 600 elements, and at most 500 are allowed; to raise it: --max-splits 600",
  );
});

void test("--with gives a decorator to every step that lacks it", options, async () => {
  const { out } = await project.say("run loud.ts --with retry:times=2,minutesBetween=0 -o jsonl");
  const started = out.split("\n").filter((line) => line.includes('"task.started"') && line.includes("/work/2"));
  assert.equal(started.length, 3);
  assert.equal((await project.say("run loud.ts --with catch:var=failure -q")).exit, 0);
  for (const [words, text] of [
    ["--with retyr", /there is no decorator "retyr"\n {2}hint: did you mean "retry"/],
    ["--with retry:tmes=2", /tmes/],
    ["--with retry:times", /"times" is not key=value/],
  ] as const) {
    const { exit, err } = await project.say(`run loud.ts ${words}`);
    assert.deepEqual([words, exit], [words, 2]);
    assert.match(err, text);
  }
});

void test("lines of a log are filtered before they are cut", options, async (t) => {
  const { exit } = await project.say(["run", "loud.ts", "-q", "--with", "retry:times=1,minutesBetween=0"]);
  assert.equal(exit, 1);
  const name = (await project.ask("runs -q --limit 1")).trimEnd();
  const lines = async (line: string) => (await project.ask(`logs ${line}`)).split("\n").filter((text) => text !== "");
  await t.test("by stream, attempt and pattern", async () => {
    assert.deepEqual((await lines(`${name}/work/2`)).slice(0, 3), ["out 2", "err 2", "stepwell: attempt 1 failed: Error: 50% of"]);
    assert.deepEqual(await lines(`${name}/work/2 --attempt all --stdout`), ["out 2", "out 2"]);
    assert.deepEqual(await lines(`${name}/work/2 --attempt 0 --stderr --prefix always`), ["work/2    #0 stderr | err 2"]);
    assert.deepEqual(await lines(`${name} --grep t\\s[01] --stdout`), ["work/0    #0 stdout | out 0", "work/1    #0 stdout | out 1"]);
  });
  await t.test("the last lines of each task, and that these are not all is said", async () => {
    const { out, err } = await project.say(`logs ${name}/work --tail 1`);
    assert.deepEqual(out.match(/\| .*$/gm)?.toSorted(), ["| err 0", "| err 1", "| stepwell:       at LoudFlow.work (loud.ts:13:27)"]);
    assert.match(err, /the last 1 line of each of 3 tasks/);
  });
  await t.test("with the time of each", async () => {
    assert.match((await lines(`${name}/work/0 --timestamps`))[0] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z out 0$/);
  });
  await t.test("one JSON object a line", async () => {
    const [first] = await lines(`${name}/work/0 --json`);
    const { at, ...rest } = JSON.parse(first ?? "") as { at: string };
    assert.ok(Date.parse(at) > 0);
    assert.deepEqual(rest, { event: "log", pathspec: `${name}/work/0`, attempt: 0, stream: "stdout", text: "out 0" });
  });
  await t.test("no lines are no error, and that there are none is said", async () => {
    const { exit, out, err } = await project.say(`logs ${name}/start`);
    assert.deepEqual([exit, out, err], [0, "", "no lines\n"]);
  });
});

void test("the place of a failure is told from the folder that one is in, in each of the ways to see it", options, async () => {
  for (const folder of ["sub", "lib"]) mkdirSync(join(project.folder, folder), { recursive: true });
  project.write("lib/helper.ts", `export function broken(): never {\n  throw new TypeError("it broke");\n}\n`);
  project.write(
    "sub/broken.ts",
    `import { FlowSpec, step } from "stepwell";
import { broken } from "../lib/helper.ts";
export class BrokenFlow extends FlowSpec {
  @step start() {
    if (Math.random() < 2) broken();
    return this.next(this.end);
  }
  @step end() {}
}
`,
  );
  const { out } = await project.say("run sub/broken.ts", { GITHUB_ACTIONS: "true" });
  assert.match(out, / FAILED .* at=lib\/helper\.ts:2:9$/m);
  assert.match(out, /\^ lib\/helper\.ts:2:9$/m);
  assert.match(out, /^::error file=lib\/helper\.ts,line=2,col=9::TypeError: it broke$/m);
  assert.match(await project.ask("status BrokenFlow/1"), /TypeError: it broke {2}lib\/helper\.ts:2:9$/m);
});

void test("a run-id file that cannot be written is found out before there is a run", options, async () => {
  const before = await project.ask("runs -q");
  const { exit, err } = await project.say("run loud.ts --run-id-file absent/folder/id.txt");
  assert.notEqual(exit, 0);
  assert.match(err, /absent\/folder/);
  assert.equal(await project.ask("runs -q"), before);
});

void test("a flow's file that is misspelt is suggested", options, async () => {
  const { exit, err } = await project.say("run lud.ts");
  assert.equal(exit, 2);
  assert.match(err, /there is no file lud\.ts\n {2}hint: did you mean "loud\.ts"/);
  assert.match((await project.say("run absent/folder/flow.ts")).err, /hint: write a first flow with: stepwell init/);
});

void test("what init writes runs at once", options, async () => {
  const { err, out } = await project.say("init first");
  assert.match(out, /wrote first\/hello\.ts\n[^]*stepwell run first\/hello\.ts\n/, err);
  assert.match(out, /npm install --save-dev @types\/node/);
  assert.doesNotMatch(out, /npm install\b.* stepwell/, "it is on no registry");
  const ran = await project.ask("run first/hello.ts --greeting Servus");
  assert.match(ran, /greet\/\d \| Servus, Ada!/);
  assert.match(ran, /end\/0 \| 44 characters of greetings/);
  assert.match(readFileSync(join(project.folder, "first/.gitignore"), "utf8"), /\.stepwell/);
  const { exit } = await project.say("init first");
  assert.equal(exit, 6, "nothing is overwritten unasked");
  for (const name of ["stepwell", "@types/node"]) {
    mkdirSync(join(project.folder, "node_modules", name), { recursive: true });
    project.write(`node_modules/${name}/package.json`, "{}");
  }
  assert.doesNotMatch(await project.ask("init second"), /install/, "what is there need not be installed");
});
