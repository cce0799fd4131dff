// The client on runs that real processes made: everything that a run leaves can be read, and what is missing is named.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { Artifact, defaultNamespace, disconnect, Flow, getNamespace, namespace, Run, Stepwell, TaskError } from "../cli/client.ts";
import { resume, run } from "../cli/runner.ts";
import { root, temporaryFolder } from "./command.ts";

const folder = temporaryFolder();
const file = join(root, "test/flows/reading.flow.ts");
const options = { timeout: 60_000 };
/** What ReadingFlow declares; its class is typed by the package, not by these sources. */
type Reading = { rate: number; sizes: number[]; items: number[]; product: number; trouble?: Error; winner: string };
const flow = new Flow<Reading>("ReadingFlow");
let first: Run<Reading>;

before(async () => {
  process.env["STEPWELL_DIR"] = join(folder.path, ".stepwell");
  process.env["STEPWELL_USER"] = "ana";
  process.env["STEPWELL_MAX_WORKERS"] = "2";
  first = await flow.run((await run(file, {}, { tags: ["nightly"] })).number);
  await run(file, { broken: true });
}, options);
after(async () => {
  await disconnect();
  folder[Symbol.dispose]();
});

test("a run tells how it went", () => {
  assert.deepEqual(
    [first.id, first.number, first.status, first.finished, first.successful, first.user, first.originRun, first.failure],
    ["ReadingFlow/1", 1, "succeeded", true, true, "ana", null, null],
  );
  assert.deepEqual(first.userTags, ["nightly"]);
  assert.ok(first.tags.includes("user:ana") && first.tags.includes("nightly"));
  assert.deepEqual([first.counts.succeeded, first.counts.caught, first.counts.retried], [6, 1, 2]);
  assert.ok(first.createdAt <= first.startedAt! && first.startedAt! <= first.finishedAt!);
});

test("its data and parameters are typed by the flow and read when touched", () => {
  const { winner } = first.data;
  assert.equal(winner satisfies string, "item 2");
  assert.equal(first.parameters.rate satisfies number, 0.5);
  assert.deepEqual(first.parameters.sizes, [3, 4]);
  assert.deepEqual(Object.keys(first.data), ["winner"]);
});

test("a run that failed has no data, and says why and where to look", async () => {
  const failed = await flow.run(2);
  assert.equal(failed.status, "failed");
  assert.equal(failed.failure?.task, "join/0");
  assert.throws(() => failed.data, /ReadingFlow\/2 is failed \(join\/0: Error: broken as asked\): it has no result/);
  const join = await failed.task("join/0");
  assert.throws(() => join.data, /join\/0 is failed \(Error: broken as asked\): it has no artifacts/);
  assert.throws(() => join.artifact("winner"), /it has no artifacts/);
});

test("the newest run, and the newest that succeeded", async () => {
  assert.equal((await flow.latestRun())?.id, "ReadingFlow/2");
  assert.equal((await flow.latestSuccessfulRun())?.data.winner, "item 2");
  assert.equal(await flow.latestSuccessfulRun({ tags: ["weekly"] }), null);
  assert.equal(await flow.latestRun({ status: "cancelled" }), null);
});

test("runs are listed newest first, filtered, without their histories", async () => {
  const listed = await Array.fromAsync(flow);
  assert.deepEqual(
    listed.map((each) => [each.id, each.status, each instanceof Run]),
    [
      ["ReadingFlow/2", "failed", false],
      ["ReadingFlow/1", "succeeded", false],
    ],
  );
  const numbers = async (filter: Parameters<typeof flow.runs>[0]) => (await Array.fromAsync(flow.runs(filter))).map((each) => each.number);
  assert.deepEqual(await numbers({ limit: 1 }), [2]);
  assert.deepEqual(await numbers({ tags: ["nightly"] }), [1]);
  assert.deepEqual(await numbers({ status: ["failed", "succeeded"], user: "ana" }), [2, 1]);
  assert.deepEqual(await numbers({ user: "bob" }), []);
  assert.deepEqual(await numbers({ until: listed[0]!.createdAt }), [1]);
  assert.deepEqual(await numbers({ since: listed[0]!.createdAt }), [2]);
  assert.equal((await listed[1]!.load()).data.winner, "item 2");
});

test("a namespace is a tag: lists keep to it, numbers do not", async () => {
  assert.equal(getNamespace(), "user:ana");
  namespace("user:bob");
  assert.equal(await flow.latestRun(), null);
  assert.deepEqual(await new Stepwell().flows(), []);
  assert.equal((await flow.run(1)).isInNamespace(), false);
  await assert.rejects(new Stepwell().run("ReadingFlow/latest"), /no run in namespace user:bob; namespace\(null\) shows those of all/);
  namespace("nightly");
  assert.equal((await flow.latestRun())?.id, "ReadingFlow/1");
  namespace(null);
  assert.equal((await flow.latestRun())?.id, "ReadingFlow/2");
  assert.equal(defaultNamespace(), "user:ana");
  assert.equal((await flow.run(1)).isInNamespace(), true);
});

test("from the flows down to a value", async () => {
  const stepwell = new Stepwell();
  assert.deepEqual(
    (await stepwell.flows()).map((each) => each.name),
    ["ReadingFlow"],
  );
  assert.equal((await stepwell.run("ReadingFlow/latest")).id, "ReadingFlow/2");
  assert.equal((await stepwell.step("ReadingFlow/1/work")).counts.succeeded, 3);
  assert.equal((await stepwell.task("ReadingFlow/1/work/1")).index, 1);
  assert.equal(await (await stepwell.artifact<number>("ReadingFlow/1/work/1/product")).value(), 1);
});

test("steps know their place in the graph, tasks their relatives", async () => {
  const work = first.step("work");
  assert.deepEqual([work.parentSteps, work.childSteps, work.total, work.doc], [["start"], ["join"], 3, "Multiplies."]);
  assert.deepEqual(
    Array.from(first, (step) => step.id),
    ["start", "work", "join", "end"],
  );
  const tasks = await Array.fromAsync(work);
  assert.deepEqual(
    tasks.map((task) => task.id),
    ["work/0", "work/1", "work/2"],
  );
  assert.equal((await Array.fromAsync(work.tasks({ status: "failed" }))).length, 0);
  assert.equal((await Array.fromAsync(work.tasks({ status: "succeeded", limit: 2 }))).length, 2);
  const join = await first.task("join/0");
  assert.deepEqual(join.parentTaskPathspecs, ["ReadingFlow/1/work/0", "ReadingFlow/1/work/1", "ReadingFlow/1/work/2"]);
  assert.deepEqual(
    (await join.childTasks()).map((task) => task.pathspec),
    ["ReadingFlow/1/end/0"],
  );
  assert.equal((await first.endTask()).data.winner, "item 2");
});

test("a retried task shows its attempts, with the log of each", async () => {
  const task = await first.step("work").task(1);
  assert.deepEqual([task.status, task.successful, task.caught, task.currentAttempt], ["succeeded", true, false, 1]);
  assert.deepEqual(
    task.attempts.map((attempt) => attempt.failure?.kind ?? "fine"),
    ["userError", "fine"],
  );
  assert.equal(await task.stdout(), "item 2, attempt 1\n");
  assert.equal(await task.stdout(0), "item 2, attempt 0\n");
  assert.equal(await task.stderr(), "careful with 2\n");
  const lines = await Array.fromAsync(task.logLines({ attempt: "all", stream: "stdout" }));
  assert.deepEqual(
    lines.map((line) => [line.attempt, line.stream, line.text, new Date(line.atMs) >= first.createdAt]),
    [
      [0, "stdout", "item 2, attempt 0", true],
      [1, "stdout", "item 2, attempt 1", true],
    ],
  );
});

test("a caught failure finished, did not succeed, and is there as an error", async () => {
  const task = await first.task("work/2");
  assert.deepEqual([task.finished, task.successful, task.caught, task.failure?.kind], [true, false, true, "userError"]);
  const { trouble } = task.data;
  assert.ok(trouble instanceof TaskError);
  assert.equal(trouble.message, "RangeError: three is too much");
  assert.equal(task.data.product, 1.5, "what was set before it failed is kept");
  assert.deepEqual([task.artifact("trouble").type, task.artifact("trouble").sha256], ["error", null]);
});

test("artifacts tell size, hash and type; private ones are not listed and can be read", async () => {
  const task = await first.task("work/0");
  assert.deepEqual(task.artifacts.map((artifact) => artifact.name).sort(), ["items", "product", "trouble"]);
  assert.equal(task.artifact("product").produced, true);
  assert.equal(task.artifact("items").produced, false);
  assert.match(task.artifact("items").sha256!, /^[0-9a-f]{64}$/);
  assert.equal(await task.artifact("_hidden").value(), "mine");
});

test("what is missing is named, with what there is", async () => {
  const task = await first.task("work/0");
  assert.throws(() => first.step("wrok"), /ReadingFlow\/1 has no step "wrok"; did you mean "work"\?/);
  assert.throws(() => first.step("zzz"), /its steps are start, work, join, end/);
  assert.throws(() => task.artifact("prodct"), /has no artifact "prodct"; did you mean "product"\?/);
  assert.throws(() => task.artifact("toString"), /has no artifact "toString"; it has items/);
  await assert.rejects(first.task("work/7"), { code: "notFound", message: /there is no task work\/7 in ReadingFlow\/1/ });
  await assert.rejects(flow.run(9), { code: "notFound", message: "there is no run ReadingFlow/9; the newest of 2 runs is ReadingFlow/2" });
  await assert.rejects(new Flow("RedingFlow").run(1), { message: "there is no run RedingFlow/1; did you mean ReadingFlow?" });
  await assert.rejects(new Stepwell().run("ReadingFlow"), /names a flow; add a run: ReadingFlow\/17/);
  assert.throws(() => new Flow("Reading Flow"), { name: "NameError" });
});

test("the code of a run is there as it was", async () => {
  const code = await first.code();
  assert.deepEqual([code.file, code.sources], ["reading.flow.ts", ["reading.flow.ts"]]);
  assert.equal(code.text, readFileSync(file, "utf8"));
  const extracted = await code.extract(join(folder.path, "extracted"));
  assert.equal(extracted, join(folder.path, "extracted/reading.flow.ts"));
  assert.equal(readFileSync(extracted, "utf8"), code.text);
  assert.throws(() => code.textOf("other.ts"), /has no source "other.ts"; it has reading\.flow\.ts/);
});

test("sources from above the flow's folder are extracted within the folder", async () => {
  folder.write("shared.ts", "export const answer = 42;\n");
  folder.write(
    "deep.ts",
    'import { FlowSpec, step } from "stepwell";\nimport { answer } from "../shared.ts";\nexport class DeepFlow extends FlowSpec { declare a: number; @step start() { this.a = answer; return this.next(this.end); } @step end() {} }\n',
  );
  mkdirSync(join(folder.path, "flows"));
  renameSync(join(folder.path, "deep.ts"), join(folder.path, "flows/deep.ts"));
  const deep = await run(join(folder.path, "flows/deep.ts"));
  const extracted = await (await deep.code()).extract(join(folder.path, "extracted-deep"));
  assert.equal(extracted, join(folder.path, "extracted-deep/flow/deep.ts"));
  assert.equal(readFileSync(join(folder.path, "extracted-deep/shared.ts"), "utf8"), "export const answer = 42;\n");
});

test("a resumed run knows its origin, task by task, with the original's output", async () => {
  const resumed = await resume("ReadingFlow/2", { parameters: { broken: false } });
  assert.deepEqual([resumed.status, resumed.originRun, resumed.data.winner], ["succeeded", "ReadingFlow/2", "item 2"]);
  const task = await resumed.task("work/1");
  assert.deepEqual([task.originPathspec, task.attempts.length, task.successful], ["ReadingFlow/2/work/1", 0, true]);
  assert.equal(await task.stdout(), "item 2, attempt 1\n");
  assert.equal((await resumed.task("join/0")).originPathspec, null);
  const again = await resume("ReadingFlow/latest", { from: "end" });
  assert.equal((await again.task("work/1")).originPathspec, "ReadingFlow/2/work/1", "the run that executed it, not the one between");
});

test("tags can be changed, all or nothing", async () => {
  const one = await flow.run(1);
  await one.addTags("good", "good");
  await one.replaceTags({ remove: ["nightly"], add: ["daily"] });
  assert.deepEqual(one.userTags, ["good", "daily"]);
  await assert.rejects(one.replaceTags({ remove: ["user:ana"], add: ["x"] }), { code: "invalid", message: /is a system tag/ });
  assert.deepEqual((await one.refresh()).userTags, ["good", "daily"]);
  await one.removeTags("good", "absent");
  assert.deepEqual((await first.step("work").task(0)).tags, first.tags, "tasks have the tags of their run");
});

test("every object can be printed and turned into JSON", async () => {
  const task = await first.task("work/2");
  const shown = [new Stepwell(), flow, first, first.step("work"), task, task.artifact("product"), task.data].map((each) => inspect(each));
  assert.deepEqual(
    shown.map((text) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, "TIME").replace(/\d+ bytes/, "N bytes")),
    [
      "Stepwell",
      "Flow ReadingFlow",
      "Run ReadingFlow/1 · succeeded · 6 ok · TIME · ana",
      "Step ReadingFlow/1/work · 3 of 3 ok",
      "Task ReadingFlow/1/work/2 · caught (RangeError: three is too much) · 2 attempts",
      "Artifact ReadingFlow/1/work/2/product · number · N bytes",
      "{ items: 'array(3)', product: 'number', trouble: 'error' }",
    ],
  );
  assert.match(inspect(await flow.run(2)), / · failed · 4 ok, 1 failed · .*\n {2}join\/0: Error: broken as asked$/);
  const json = JSON.parse(JSON.stringify({ flow, first, step: first.step("work"), task, artifact: task.artifact("product") })) as Record<
    string,
    { pathspec: string }
  >;
  assert.deepEqual(
    Object.values(json).map((each) => each.pathspec),
    ["ReadingFlow", "ReadingFlow/1", "ReadingFlow/1/work", "ReadingFlow/1/work/2", "ReadingFlow/1/work/2/product"],
  );
  assert.ok(task.artifact("product") instanceof Artifact);
});

test("a program that has read ends by itself; where nothing has run it is told so and nothing is made", options, () => {
  const program = `
    import { Flow } from ${JSON.stringify(new URL("../cli/client.ts", import.meta.url).href)};
    console.log((await new Flow("ReadingFlow").latestSuccessfulRun())?.data.winner);`;
  const node = (dir: string) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
      timeout: 20_000,
      env: { ...process.env, STEPWELL_DIR: dir },
    });
  const ran = node(join(folder.path, ".stepwell"));
  assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, "item 2\n", ""]);
  const elsewhere = join(folder.path, "elsewhere");
  assert.match(node(elsewhere).stderr, /nothing has run here yet: there is no .*elsewhere; start a run, or set STEPWELL_DIR/);
  assert.equal(existsSync(elsewhere), false);
});
