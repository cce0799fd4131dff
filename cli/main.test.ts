import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { commands } from "./command-table.ts";
import { main } from "./main.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-cli-"));
after(() => rmSync(folder, { recursive: true }));

type Said = { readonly exit: number; readonly out: string; readonly err: string };

async function say(words: readonly string[], more: { readonly env?: Record<string, string>; readonly cwd?: string } = {}): Promise<Said> {
  const said = { out: "", err: "" };
  const stream = (name: "out" | "err") => ({
    write: (chunk: string | Uint8Array) => Boolean((said[name] += String(chunk))),
    once: () => undefined,
  });
  const env = { USER: "ana", XDG_CONFIG_HOME: join(folder, "user"), ...more.env };
  const exit = await main({ words, env, cwd: more.cwd ?? folder, stdout: stream("out"), stderr: stream("err"), version: "1.2.3" });
  return { exit, ...said };
}

writeFileSync(
  join(folder, "good.ts"),
  `import { FlowSpec, parameter, step } from "stepwell";
export class GoodFlow extends FlowSpec {
  rate = parameter.number({ default: 0.1, help: "learning rate" });
  deep = parameter.boolean({ default: false });
  @step start() { console.log(this.rate, this.deep); return this.next(this.end); }
  @step end() {}
}
`,
);
writeFileSync(
  join(folder, "bad.ts"),
  `import { FlowSpec, step } from "stepwell";
export class BadFlow extends FlowSpec {
  @step start() { return this.next(this.ned); }
  @step end() {}
}
`,
);
writeFileSync(join(folder, "params.json"), "[1]");

const exits: readonly (readonly [string, number, RegExp])[] = [
  ["", 2, /^Stepwell runs/],
  ["--help", 0, /^Stepwell runs/],
  ["--version", 0, /^1\.2\.3\n$/],
  ["run --help", 0, /stepwell run FILE/],
  ["--nope", 2, /error\[SW2002\]: stepwell has no option --nope/],
  ["rum", 2, /error\[SW2001\]: there is no command "rum"\n {2}hint: did you mean "run"\?/],
  ["run", 2, /error\[SW2003\]: stepwell run needs FILE/],
  ["run none.ts", 2, /error\[SW2007\]: there is no file none.ts/],
  ["run bad.ts", 2, /error\[SW10\d\d\].*\n[^]*bad\.ts:3[^]*error\[SW2009\]: bad\.ts: 1 error, so nothing ran/],
  ["run good.ts --rat 1", 2, /error\[SW2002\]: stepwell run has no option --rat\n {2}hint: did you mean "--rate"\?/],
  ["run good.ts --rate much", 2, /error\[SW2008\]: parameter rate: expected a number, got "much"/],
  ["run good.ts --rate", 2, /error\[SW2003\]: --rate needs a value/],
  ["run good.ts extra", 2, /error\[SW2005\].*"extra"/],
  ["run good.ts --params params.json", 2, /error\[SW2007\]: .*params\.json must hold a JSON object/],
  ["run good.ts --with retri", 2, /error\[SW2004\]: --with retri: there is no decorator "retri"\n {2}hint: did you mean "retry"\?/],
  ["run good.ts --with retry:times=-1", 2, /error\[SW2004\]: --with retry:times=-1: @retry: times is -1/],
  ["run good.ts --max-workers 0", 2, /error\[SW2004\]: --max-workers must be a whole number of at least 1, not "0"/],
  ["run good.ts --timeout soon", 2, /error\[SW2004\]: --timeout expects a duration/],
  ["run good.ts --dry-run --rate 3 --deep", 0, /✓ checked good\.ts {2}2 steps\n/],
  ["run good.ts --dry-run --no-deep", 0, /✓ checked good\.ts/],
  ["check good.ts", 0, /✓ checked good\.ts/],
  ["check bad.ts", 2, /✗ checked bad\.ts {2}1 error/],
  ["show good.ts", 0, /^GoodFlow {2}good\.ts/],
  ["show good.ts --format dot", 0, /^digraph GoodFlow/],
  ["runs --since yesterday", 2, /error\[SW2004\]: --since expects a time/],
  ["runs 1Flow", 2, /error\[SW2004\]: "1Flow" is not a flow name/],
  ["status GoodFlow/1", 3, /error\[SW3001\]: (nothing has run here yet|there is no run GoodFlow\/1)/],
  ["compare GoodFlow/1", 2, /error\[SW2003\]: stepwell compare needs two runs/],
  ["completion tcsh", 2, /error\[SW2004\]: there is no completion for "tcsh"/],
  ["config show --config none.json", 2, /error\[SW2006\]: there is no file of settings/],
];

for (const [line, exit, text] of exits) {
  void test(`stepwell ${line} ends with ${exit}`, async () => {
    const said = await say(line === "" ? [] : line.split(" "));
    assert.match(said.out + said.err, text);
    assert.equal(said.exit, exit);
    if (exit !== 0) assert.ok(line === "" || line.startsWith("check") || said.out === "", "what goes wrong is told on stderr");
  });
}

void test("with --json an error is a document on stdout, and stderr stays empty", async () => {
  for (const line of ["rum --json", "run none.ts --json", "run bad.ts -o json", "run good.ts --rate x --json", "status A/1 --json"]) {
    const said = await say(line.split(" "));
    const document: { error: { code: string; message: string } } = JSON.parse(said.out);
    assert.match(document.error.code, /^SW\d{4}$/);
    assert.notEqual(document.error.message, "");
    assert.equal(said.err, "", line);
  }
});

void test("a refused flow tells its first problem and all of them as JSON", async () => {
  const { error } = JSON.parse((await say(["run", "bad.ts", "--json"])).out) as { error: Record<string, unknown> };
  assert.match(String(error["message"]), /ned/);
  assert.deepEqual({ ...(error["location"] as object), column: 0 }, { file: "bad.ts", line: 3, column: 0 });
  assert.ok(Array.isArray(error["details"]));
});

void test("where nothing has run, looking says so and leaves no trace", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "stepwell-empty-"));
  after(() => rmSync(cwd, { recursive: true }));
  for (const line of ["runs", "status GoodFlow/1", "logs latest", "get GoodFlow/1/end/0/x", "resume"]) {
    const said = await say(line.split(" "), { cwd });
    assert.match(said.err, /error\[SW3001\]: nothing has run here yet: there is no .*\/\.stepwell\n {2}hint: start a run/);
    assert.equal(said.exit, 3);
  }
  assert.deepEqual(readdirSync(cwd), []);
});

void test("every command's help fits a page and begins with an example", async () => {
  for (const command of commands.filter((candidate) => candidate.name !== "version")) {
    const { out, exit } = await say([...command.name.split(" "), "--help"]);
    const lines = out.split("\n");
    assert.equal(exit, 0);
    assert.ok(lines.length <= 60, `${command.name}: ${lines.length} lines`);
    assert.equal(lines[2], "Examples", command.name);
    assert.match(lines[3] ?? "", /stepwell/, command.name);
    assert.ok(
      lines.every((line) => line.length <= 120),
      `${command.name}: a line is too long`,
    );
  }
});

void test("every command has a module", async () => {
  const { loadCommand } = await import("./command-loader.ts");
  for (const command of commands.filter((candidate) => candidate.name !== "version"))
    assert.equal(typeof (await loadCommand(command.name)), "function");
});

void test("a setting comes from the flag, then the variable, then the project, then the user, then the default", async () => {
  const cwd = join(folder, "project", "deep");
  mkdirSync(cwd, { recursive: true });
  mkdirSync(join(folder, "user", "stepwell"), { recursive: true });
  const project = join(folder, "project", "stepwell.config.json");
  const user = join(folder, "user", "stepwell", "config.json");
  const shown = async (words: readonly string[], env: Record<string, string> = {}) => {
    const { out } = await say(["config", "show", "--origin", "--json", ...words], { cwd, env });
    const { logs } = JSON.parse(out) as { logs: unknown };
    return logs;
  };
  assert.deepEqual(await shown([]), { value: "auto", origin: "default" });
  writeFileSync(user, '{ "logs": "none" }');
  assert.deepEqual(await shown([]), { value: "none", origin: user });
  writeFileSync(project, '{ "logs": "failed", "dir": "kept" }');
  assert.deepEqual(await shown([]), { value: "failed", origin: project });
  assert.deepEqual(await shown([], { STEPWELL_LOGS: "all" }), { value: "all", origin: "STEPWELL_LOGS" });
  const { out } = await say(["config", "show", "--json"], { cwd });
  assert.equal((JSON.parse(out) as { dir: string }).dir, join(folder, "project", "kept"), "a path is relative to the file that names it");
  writeFileSync(project, '{ "lgos": "failed" }');
  assert.match((await say(["config", "show"], { cwd })).err, /there is no setting "lgos"\n {2}hint: did you mean "logs"\?/);
  writeFileSync(project, "{");
  assert.match((await say(["config", "show"], { cwd })).err, /error\[SW2006\]: .*stepwell\.config\.json is not valid JSON/);
  rmSync(project);
  rmSync(user);
});

void test("a profile's settings go together; named by a flag they win over variables, named elsewhere they don't", async () => {
  const cwd = join(folder, "profiles");
  mkdirSync(cwd);
  const file = join(cwd, "stepwell.config.json");
  const profiles = { lab: { coordinator: "lab:1", tokenFile: "token" }, site: { coordinator: "site:1" } };
  writeFileSync(file, JSON.stringify({ coordinator: "usual:1", profiles }));
  const shown = async (words: readonly string[], env: Record<string, string> = {}) => {
    const { out } = await say(["config", "show", "--origin", "--json", ...words], { cwd, env });
    const { coordinator, tokenFile } = JSON.parse(out) as Record<string, { value: unknown; origin: string }>;
    return [coordinator?.value, coordinator?.origin, tokenFile?.value];
  };
  assert.deepEqual(await shown([]), ["usual:1", file, ""]);
  const lab = ["lab:1", `${file}, profile lab`, join(cwd, "token")];
  assert.deepEqual(await shown([], { STEPWELL_PROFILE: "lab" }), lab);
  assert.deepEqual(await shown(["--profile", "lab"], { STEPWELL_COORDINATOR: "variable:1" }), lab);
  assert.equal((await shown([], { STEPWELL_PROFILE: "lab", STEPWELL_COORDINATOR: "variable:1" }))[0], "variable:1");
  assert.equal((await shown(["--profile", "lab", "--coordinator", "flag:1"]))[0], "flag:1");
  const unknown = await say(["config", "show", "--profile", "lap"], { cwd });
  assert.deepEqual([unknown.exit, /no profile "lap" \(from --profile\)\n {2}hint: did you mean "lab"\?/.test(unknown.err)], [2, true]);
});

void test("amounts and labels are read as people write them, and refused otherwise", async () => {
  const shown = async (env: Record<string, string>) => {
    const { out } = await say(["config", "show", "--json"], { env });
    const { memoryMiB, labels } = JSON.parse(out) as { memoryMiB: number; labels: unknown };
    return { memoryMiB, labels };
  };
  assert.deepEqual(await shown({ STEPWELL_MEMORY_MIB: "1.5GiB", STEPWELL_LABELS: "card=a100,zone=b" }), {
    memoryMiB: 1536,
    labels: { card: "a100", zone: "b" },
  });
  for (const env of [{ STEPWELL_MEMORY_MIB: "lots" }, { STEPWELL_LABELS: "a100" }, { STEPWELL_CPU: "-1" }])
    assert.equal((await say(["config", "show"], { env })).exit, 2);
});

void test("a first flow is written, passes its own check, and is never overwritten", async () => {
  const made = await say(["init", "first"]);
  assert.equal(made.exit, 0);
  assert.match(made.out, /wrote first\/hello\.ts\nwrote first\/tsconfig\.json\nwrote first\/\.gitignore\n/);
  assert.match((await say(["check", "first/hello.ts", "--strict"])).out, /✓ checked first\/hello\.ts {2}4 steps, 1 foreach/);
  assert.match((await say(["run", "first/hello.ts", "--dry-run", "--greeting", "Servus"])).out, /nothing was run/);
  writeFileSync(join(folder, "first", "hello.ts"), "mine");
  const again = await say(["init", "first"]);
  assert.deepEqual([again.exit, readFileSync(join(folder, "first", "hello.ts"), "utf8")], [6, "mine"]);
  assert.equal((await say(["init", "first", "--force"])).exit, 0);
});

void test("completion offers commands, options, values and the flow's parameters", async () => {
  const complete = async (...words: string[]) => (await say(["__complete", "--", ...words])).out.trimEnd().split("\n");
  assert.deepEqual(await complete("sta"), ["status"]);
  assert.deepEqual(await complete("tag", ""), ["add", "rm", "list"]);
  assert.deepEqual(await complete("runs", "--st"), ["--status"]);
  assert.deepEqual(await complete("runs", "--status", "f"), ["failed"]);
  assert.deepEqual(await complete("completion", ""), ["bash", "zsh", "fish"]);
  assert.deepEqual(await complete("run", "good.ts", "--r"), ["--run-id-file", "--rate"]);
  assert.deepEqual(await complete("nonsense", ""), [""]);
});
