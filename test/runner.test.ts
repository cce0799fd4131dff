// The runner: flows by path and by class, from code that a compiler has lowered; watched, cancelled, resumed; nothing left behind.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { transformSync } from "esbuild";
import { disconnect, Flow } from "../cli/client.ts";
import { resume, run, start, startResumed } from "../cli/runner.ts";
import { numberOf } from "../proto/ids.ts";
import type { FlowClass } from "../sdk/flow/flow-spec.ts";
import { processesOf, root, temporaryFolder } from "./command.ts";

const folder = temporaryFolder();
const options = { timeout: 60_000 };
const sdk = pathToFileURL(join(root, "sdk/index.ts")).href;
const workers = { maxWorkers: 2 };

const source = (name: string) => `import { FlowSpec, parameter, step, type Inputs } from "stepwell";
export class ${name} extends FlowSpec {
  rate = parameter.number({ default: 1 });
  waitMs = parameter.integer({ default: 0 });
  declare items: number[];
  declare product: number;
  declare sum: number;
  @step start() {
    this.items = [1, 2, 3];
    return this.next(this.work, { foreach: "items" });
  }
  @step async work(item: number) {
    console.log("item " + item);
    await new Promise((resolve) => setTimeout(resolve, this.waitMs));
    if (this.rate < 0) throw new Error("no rate");
    this.product = item * this.rate;
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.sum = inputs.reduce((sum, input) => sum + input.product, 0);
    return this.next(this.end);
  }
  @step end() {}
}
`;

const file = folder.write("sum.ts", source("SumFlow"));

/** The bundler keeps a process of its own as long as this one lives. */
function leftProcesses(): readonly string[] {
  return processesOf(folder.path).filter((pid) => !readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("esbuild"));
}

before(() => {
  process.env["STEPWELL_DIR"] = join(folder.path, ".stepwell");
  process.env["STEPWELL_USER"] = "ana";
});
after(async () => {
  await disconnect();
  folder[Symbol.dispose]();
});

test("a flow runs by the path of its file, with parameters by name", options, async () => {
  const ran = await run(file, { rate: 2 }, { ...workers, tags: ["nightly", "nightly"] });
  assert.deepEqual([ran.id, ran.status, ran.data["sum"], ran.userTags], ["SumFlow/1", "succeeded", 12, ["nightly"]]);
  assert.ok(ran.systemTags.includes("user:ana") && ran.systemTags.includes("file:../sum.ts"));
  assert.deepEqual(leftProcesses(), []);
});

test("a class that a compiler has lowered runs by the file that it came from", options, async () => {
  mkdirSync(join(folder.path, "built"));
  // The library is found from the repository, where the file doesn't lie.
  const lowered = transformSync(source("BuiltFlow"), { loader: "ts", target: "node22" }).code;
  const built = folder.write("built/flow.mjs", lowered.replace('"stepwell"', JSON.stringify(sdk)));
  const loaded = (await import(pathToFileURL(built).href)) as { readonly BuiltFlow: FlowClass };
  folder.write("built/flow.mjs", lowered);
  const ran = await run(loaded.BuiltFlow, { rate: 3 } as never, workers);
  assert.deepEqual([ran.flow, ran.status], ["BuiltFlow", "succeeded"]);
});

test("a class runs that a loader has compiled from TypeScript", options, () => {
  const loader = `
    import { registerHooks } from "node:module";
    import { readFileSync } from "node:fs";
    import { transformSync } from "esbuild";
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier === "stepwell" ? { url: ${JSON.stringify(sdk)}, shortCircuit: true } : next(specifier, context),
      load: (url, context, next) =>
        url.startsWith(${JSON.stringify(pathToFileURL(folder.path).href)})
          ? { format: "module", shortCircuit: true, source: transformSync(readFileSync(new URL(url), "utf8"), { loader: "ts", target: "node22" }).code }
          : next(url, context),
    });
    const { run } = await import(${JSON.stringify(new URL("../cli/runner.ts", import.meta.url).href)});
    const { SumFlow } = await import(${JSON.stringify(pathToFileURL(file).href)});
    console.log((await run(SumFlow, { rate: 4 })).data.sum);`;
  // In the repository's folder, where the loader finds its compiler.
  const ran = spawnSync(process.execPath, ["--input-type=module", "-e", loader], { cwd: root, encoding: "utf8", timeout: 30_000 });
  assert.deepEqual([ran.stderr, ran.stdout], ["", "24\n"]);
});

test("what is wrong is told before anything runs", options, async () => {
  const faulty = folder.write("faulty.ts", source("FaultyFlow").replace("this.join)", "this.joyn)"));
  await assert.rejects(run(faulty), (error: Error) => {
    assert.match(error.message, /^the flow cannot run:\n/);
    assert.match(error.message, /faulty\.ts:1[67]/);
    return true;
  });
  await assert.rejects(run(file, { rat: 1 }), /SumFlow cannot run: "rat" is no parameter of the flow \(did you mean rate\?\)/);
  await assert.rejects(run(file, { rate: "fast" }), /SumFlow cannot run: parameter rate: /);
  await assert.rejects(run(join(folder.path, "none.ts")), /there is no file/);
  await assert.rejects(run(file, {}, { maxWorkers: 0 }), /maxWorkers must be a whole number of at least 1, not 0/);
  await assert.rejects(run(file, {}, { tags: [""] }), /tag/);
  await assert.rejects(run(Error as never), /the file of Error is not known \(no script\); pass the path of the flow's file instead/);
  await assert.rejects(resume("SumFlow/99"), /there is no run SumFlow\/99/);
  await assert.rejects(resume("SumFlow/1", { from: "wrok" }), /SumFlow\/1 has no step "wrok"/);
  const aborted = AbortSignal.abort(new Error("not now"));
  await assert.rejects(run(file, {}, { signal: aborted }), /not now/);
});

test("a run that goes on shows its status, its lines and its events, to the last of them", options, async () => {
  const running = await start(file, { waitMs: 50 }, workers);
  assert.match(await running.status(), /pending|running/);
  const lines: string[] = [];
  let finishedWhileReading = false;
  void running.finished.then(() => (finishedWhileReading = true));
  const events = Array.fromAsync(running.events());
  for await (const line of running.logLines()) lines.push(`${line.task} ${line.text}`);
  assert.deepEqual(lines.sort(), ["work/0 item 1", "work/1 item 2", "work/2 item 3"]);
  assert.equal((await events).at(-1)?.event.kind, "taskSucceeded");
  const ran = await running.finished;
  assert.equal(finishedWhileReading, true);
  assert.equal(ran.data["sum"], 6);
  assert.equal(await running.status(), "succeeded");
  assert.equal((await Array.fromAsync(running.logLines())).length, 3, "also when it has ended");
  await running.cancel();
  assert.equal((await ran.refresh()).status, "succeeded", "a run that has ended stays as it is");
});

test("a slow reader, or one that stops reading, holds nothing up", options, async () => {
  const running = await start(file, {}, workers);
  const slow = running.logLines()[Symbol.asyncIterator]();
  assert.equal((await slow.next()).done, false);
  for await (const _line of running.logLines()) break;
  await running.finished;
  let rest = 0;
  while ((await slow.next()).done !== true) rest += 1;
  assert.equal(rest, 2);
});

test("a signal cancels the run in an orderly way, and so does cancel()", options, async () => {
  const abort = new AbortController();
  const running = await start(file, { waitMs: 30_000 }, { ...workers, signal: abort.signal });
  const other = await start(file, { waitMs: 30_000 }, workers);
  for (const each of [running, other]) for await (const _line of each.logLines()) break;
  abort.abort();
  await other.cancel();
  for (const each of [await running.finished, await other.finished]) {
    assert.equal(each.status, "cancelled");
    const task = await each.task("work/0");
    assert.deepEqual(task.failure, { kind: "cancelled", by: "the program of ana" });
  }
  assert.deepEqual(leftProcesses(), []);
});

test("others can wait for a run and cancel it through the client", options, async () => {
  const running = await start(file, { waitMs: 30_000 }, workers);
  let printed = 0;
  for await (const _line of running.logLines()) {
    printed += 1;
    if (printed === 2) break;
  }
  const reader = await new Flow("SumFlow").run(numberOf(running.id));
  assert.equal(reader.status, "running");
  const waiting = reader.wait();
  const lines = Array.fromAsync(reader.logLines({ follow: true, attempt: "all" }));
  await reader.cancel();
  const ended = await waiting;
  assert.equal(ended.status, "cancelled");
  assert.deepEqual((await ended.task("work/0")).failure, { kind: "cancelled", by: "ana" });
  assert.equal((await lines).length, 2);
  assert.equal((await running.finished).status, "cancelled");
  await assert.rejects(ended.cancel(), { code: "conflict" });
});

test("who follows a run's lines from elsewhere gets the last of them", options, async () => {
  const last = folder.write("last.ts", source("LastFlow").replace("@step end() {}", '@step end() { console.log("the last line"); }'));
  const running = await start(last, { waitMs: 200 }, workers);
  const reader = await new Flow("LastFlow").run(numberOf(running.id));
  const lines = await Array.fromAsync(reader.logLines({ follow: true }));
  assert.deepEqual(lines.map((line) => line.text).sort(), ["item 1", "item 2", "item 3", "the last line"]);
  await running.finished;
});

test("several runs at once in one process, each with its own number and data", options, async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);
  process.on("warning", onWarning);
  // More than Node lets listen to one event without a warning.
  const rates = Array.from({ length: 11 }, (_, i) => i + 1);
  const runs = await Promise.all(rates.map((rate) => run(file, { rate }, { maxWorkers: 1 })));
  process.off("warning", onWarning);
  assert.deepEqual(
    runs.map((each) => each.data["sum"]),
    rates.map((rate) => 6 * rate),
  );
  assert.equal(new Set(runs.map((each) => each.id)).size, rates.length);
  assert.deepEqual(warnings, []);
});

test("a failed run is resumed with changed parameters, and reuses what they don't change", options, async () => {
  const failed = await run(file, { rate: -1 }, workers);
  assert.deepEqual([failed.status, failed.failure?.failure.kind], ["failed", "userError"]);
  const again = await startResumed(failed.id, { parameters: { rate: 5 }, ...workers, tags: ["again"] });
  const ran = await again.finished;
  assert.deepEqual(
    [ran.status, ran.originRun, ran.data["sum"], ran.counts.reused, ran.userTags],
    ["succeeded", failed.id, 30, 1, ["again"]],
  );
  const newest = await resume(null, { from: "join", ...workers });
  assert.deepEqual([newest.originRun, newest.counts.reused, newest.data["sum"]], [ran.id, 4, 30]);
});

test("a program that runs a flow ends by itself, and leaves no process", options, () => {
  const program = `
    import { run } from ${JSON.stringify(new URL("../cli/runner.ts", import.meta.url).href)};
    console.log((await run(${JSON.stringify(file)}, { rate: 2 })).data.sum);`;
  const ran = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8", timeout: 30_000 });
  assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, "12\n", ""]);
  assert.deepEqual(leftProcesses(), []);
});

test("a program that is killed leaves no process, and its run can be resumed", options, async () => {
  const program = `
    import { start } from ${JSON.stringify(new URL("../cli/runner.ts", import.meta.url).href)};
    const running = await start(${JSON.stringify(file)}, { waitMs: 30_000 });
    for await (const _line of running.logLines()) break;
    console.log(running.id);
    await running.finished;`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const [id] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
  child.kill("SIGKILL");
  await once(child, "exit");
  for (let i = 0; i < 100 && leftProcesses().length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(leftProcesses(), []);
  const resumed = await resume(id.trim(), { parameters: { waitMs: 0 }, ...workers });
  assert.deepEqual([resumed.status, resumed.originRun, resumed.counts.reused], ["succeeded", id.trim(), 1]);
});
