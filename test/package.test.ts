// The package as its users get it: packed, installed into an empty project, used from the command line, from code, by the
// compiler and by Vitest. Needs a built dist/.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { cleanEnvironment, processesOf, root, temporaryFolder } from "./command.ts";

const options = { timeout: 60_000 };
const folder = temporaryFolder();
const project = join(folder.path, "project");
let packed: Packed;

type Packed = { readonly filename: string; readonly files: readonly { readonly path: string }[]; readonly unpackedSize: number };
type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

function execute(command: string, args: readonly string[], cwd = project): Ended {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 50_000, env: cleanEnvironment() });
  return { code: status, stdout, stderr };
}

function succeed(command: string, args: readonly string[], cwd = project): string {
  const { code, stdout, stderr } = execute(command, args, cwd);
  assert.equal(code, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

function node(code: string): string {
  return succeed(process.execPath, ["--input-type=module", "-e", code]);
}

before(() => {
  const out = succeed("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder.path], root);
  [packed] = JSON.parse(out) as [Packed];
  mkdirSync(project);
  folder.write("project/package.json", JSON.stringify({ name: "project", private: true, type: "module" }));
  succeed("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", join(folder.path, packed.filename)]);
  // What a project would install for itself.
  for (const name of ["typescript", "vitest"]) symlinkSync(join(root, "node_modules", name), join(project, "node_modules", name));
}, options);
after(() => folder[Symbol.dispose]());

test("the package holds what runs and its types: no sources, tests, benchmarks, maps, and nothing whose source is gone", () => {
  const paths = packed.files.map((file) => file.path);
  const allowed =
    /^(package\.json|README\.md|LICENSE|docs\/.+|deploy\/(aws|systemd)\/[^/]+|dist\/.+\.(js|cjs|d\.ts|d\.cts|txt|html|css|svg))$/;
  assert.deepEqual(
    paths.filter((path) => !allowed.test(path)),
    [],
  );
  assert.deepEqual(
    paths.filter((path) => /\.test\.|conformance|golden|^dist\/(test|bench|scripts|examples)\//.test(path)),
    [],
  );
  const leftovers = paths.filter((path) => {
    const source = /^dist\/(.+)\.js$/.exec(path)?.[1];
    return source !== undefined && !existsSync(join(root, `${source}.ts`));
  });
  assert.deepEqual(leftovers, [], "run npm run build");
  for (const needed of ["LICENSE", "deploy/aws/stepwell.yaml", "dist/cli/bin.cjs", "dist/worker/adapters/task-process/program.cjs"])
    assert.ok(paths.includes(needed), needed);
  assert.ok(packed.unpackedSize < 6_000_000, `${packed.unpackedSize} bytes`);
});

test("a first flow is written and run by the command", options, () => {
  assert.match(succeed("npx", ["--no-install", "stepwell", "--version"]), /^\d+\.\d+\.\d+\n$/);
  succeed("npx", ["--no-install", "stepwell", "init"]);
  const out = succeed("npx", ["--no-install", "stepwell", "run", "hello.ts", "--json"]);
  const last = JSON.parse(out) as { readonly run: string; readonly status: string };
  assert.deepEqual([last.run, last.status], ["HelloFlow/1", "succeeded"]);
  assert.equal(succeed("npx", ["--no-install", "stepwell", "get", "HelloFlow/1/end/0/letters"]), "41\n");
});

test("every entry can be imported, and required", options, () => {
  const entries = ["stepwell", "stepwell/client", "stepwell/runner", "stepwell/s3", "stepwell/testing", "stepwell/testing/vitest"];
  const names = node(`for (const entry of ${JSON.stringify(entries)}) console.log(entry, Object.keys(await import(entry)).sort().join());`);
  assert.deepEqual(names.trimEnd().split("\n"), [
    "stepwell CardError,FlowSpec,TaskError,artifact,batch,card,catchError,concurrency,current,environment,isolated,parameter,resources,retry,step,timeout",
    "stepwell/client Artifact,ArtifactStoreError,ControlError,Flow,ListedRun,Run,Step,Stepwell,Task,TaskError,defaultNamespace,disconnect,getNamespace,namespace",
    "stepwell/runner resume,run,start,startResumed",
    "stepwell/s3 S3Error,S3File,S3Results,openS3",
    "stepwell/testing ManualClock,TestedRun,testFlow",
    "stepwell/testing/vitest flows",
  ]);
  folder.write("project/required.cjs", 'console.log(typeof require("stepwell/runner").run, typeof require("stepwell").FlowSpec);');
  assert.equal(succeed(process.execPath, ["required.cjs"]), "function function\n");
  assert.match(execute(process.execPath, ["-e", 'require("stepwell/dist/cli/main.js")']).stderr, /ERR_PACKAGE_PATH_NOT_EXPORTED/);
});

test("programs run flows, read what they left, and end by themselves", options, () => {
  const out = node(`
    import { run } from "stepwell/runner";
    import { Flow } from "stepwell/client";
    const ran = await run("hello.ts", { greeting: "Yo" });
    console.log(ran.id, ran.data.letters, (await new Flow("HelloFlow").latestSuccessfulRun()).data.letters);`);
  assert.equal(out, "HelloFlow/2 32 32\n");
  assert.deepEqual(processesOf(folder.path), []);
});

test("a strict compiler is content with the package's types, checked whole", options, () => {
  folder.write(
    "project/consumer.ts",
    `import { run, type RunnerOptions } from "stepwell/runner";
import { Flow, Stepwell, type LogLine, type Run } from "stepwell/client";
import { testFlow } from "stepwell/testing";
import { openS3, type S3File, type S3Missing } from "stepwell/s3";
import { HelloFlow } from "./hello.ts";
const options: RunnerOptions = { tags: ["nightly"], maxWorkers: 2 };
const ran: Run<HelloFlow> = await run(HelloFlow, { greeting: "Hi" }, options);
ran.data.letters satisfies number;
(await new Flow<HelloFlow>("HelloFlow").latestSuccessfulRun())?.data.message satisfies string | undefined;
for await (const line of ran.logLines()) line satisfies LogLine;
(await testFlow(HelloFlow, { steps: { greet(person) { this.message = person satisfies string; } } })).data.letters satisfies number;
(await new Stepwell().flows())[0]?.name satisfies string | undefined;
await using s3 = openS3({ root: "s3://my-bucket/data" });
for await (const file of s3.getMany(["a", { key: "b", range: { offset: 1 } }])) file satisfies S3File;
(await s3.get("a", { allowMissing: true })) satisfies S3File | S3Missing;
`,
  );
  writeVitestFiles();
  const compilerOptions = {
    target: "ES2024",
    module: "NodeNext",
    lib: ["ES2024", "ESNext.Disposable", "ESNext.Decorators"],
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: false,
  };
  folder.write(
    "project/tsconfig.strict.json",
    JSON.stringify({ compilerOptions, files: ["consumer.ts", "vitest.config.ts", "hello.vitest.ts"] }),
  );
  const compiler = join("node_modules", "typescript", "bin", "tsc");
  assert.equal(succeed(process.execPath, [compiler, "-p", "tsconfig.strict.json"]), "");
  assert.equal(succeed(process.execPath, [compiler, "-p", "tsconfig.json"]), "", "the options that stepwell init writes");
});

function writeVitestFiles(): void {
  folder.write(
    "project/vitest.config.ts",
    `import { defineConfig } from "vitest/config";
import { flows } from "stepwell/testing/vitest";
export default defineConfig({ plugins: [flows()], test: { include: ["*.vitest.ts"] } });
`,
  );
  folder.write(
    "project/hello.vitest.ts",
    `import { expect, test } from "vitest";
import { run } from "stepwell/runner";
import { ManualClock, testFlow } from "stepwell/testing";
import { HelloFlow } from "./hello.ts";

test("the flow in this process, with another body for a step", async () => {
  const tested = await testFlow(HelloFlow, {
    clock: new ManualClock(),
    steps: { greet(person) { this.message = person; } },
  });
  expect(tested.status).toBe("succeeded");
  expect(tested.data.letters).toBe(17);
});

test("the flow as a run", async () => {
  expect((await run(HelloFlow, { greeting: "Hi" })).data.letters).toBe(32);
}, 30_000);
`,
  );
}

test("Vitest runs flows with the plugin, in its own process and as runs", options, () => {
  writeVitestFiles();
  const out = succeed(process.execPath, [join("node_modules", "vitest", "vitest.mjs"), "run", "--reporter=json"]);
  const report = JSON.parse(out.slice(out.indexOf('{"num'))) as { readonly numPassedTests: number; readonly numTotalTests: number };
  assert.deepEqual([report.numPassedTests, report.numTotalTests], [2, 2]);
});

test("the oldest Node that the package allows runs all of it", options, () => {
  const engines = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly engines: { readonly node: string } };
  const oldest = `${engines.engines.node.replace(">=", "")}.0`;
  const home = join(folder.path, "oldest");
  mkdirSync(home);
  folder.write("oldest/package.json", "{}");
  const binaries = `node-${process.platform}-${process.arch}`;
  succeed("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", `${binaries}@${oldest}`], home);
  const oldNode = join(home, "node_modules", binaries, "bin", "node");
  const command = join("node_modules", "stepwell", "dist", "cli", "bin.cjs");
  const ran = execute(oldNode, [command, "run", "hello.ts", "--json", "--tag", oldest]);
  assert.deepEqual([ran.code, (JSON.parse(ran.stdout) as { readonly status: string }).status], [0, "succeeded"], ran.stderr);
  assert.doesNotMatch(ran.stderr, /Warning/);
  const code = `
    import { build } from "esbuild";
    import { Flow } from "stepwell/client";
    import { run } from "stepwell/runner";
    import { testFlow } from "stepwell/testing";
    const outfile = "hello.built.mjs";
    await build({ entryPoints: ["hello.ts"], outfile, format: "esm", target: "node22" });
    const { HelloFlow } = await import("./" + outfile);
    const found = await new Flow("HelloFlow").latestSuccessfulRun({ tags: ["${oldest}"] });
    const ran = await run(HelloFlow, { greeting: "Yo" });
    const tested = await testFlow(HelloFlow);
    console.log(process.version, found.data.letters, ran.data.letters, tested.data.letters);`;
  folder.write("project/oldest.mjs", code);
  const program = execute(oldNode, ["oldest.mjs"]);
  assert.deepEqual([program.stdout.trimEnd().split("\n").at(-1), program.stderr], [`v${oldest} 41 32 41`, ""]);
});
