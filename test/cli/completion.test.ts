// The completion scripts in the shells that they are for.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { before, test, after } from "node:test";
import { root } from "../command.ts";
import { Project } from "./project.ts";

const options = (shell: string) => ({
  timeout: 60_000,
  skip: spawnSync(shell, ["-c", "exit"]).status === 0 ? false : `${shell} is not installed`,
});

const flow = `import { FlowSpec, parameter, step } from "stepwell";
export class TinyFlow extends FlowSpec {
  learningRate = parameter.number({ default: 1 });
  @step start() { return this.next(this.middle); }
  @step middle() { return this.next(this.end); }
  @step end() {}
}
`;

const project = new Project();

before(async () => {
  project.write("tiny.ts", flow);
  project.write("stepwell", `#!/bin/sh\nexec '${process.execPath}' '${join(root, "cli/bin.cts")}' "$@"\n`);
  chmodSync(join(project.folder, "stepwell"), 0o755);
  await project.ask("run tiny.ts -q");
});

after(() => project[Symbol.dispose]());

/** What the shell offers for the last word of each line. */
const expected = {
  ru: ["run", "runs"],
  "tag ": ["add", "list", "rm"],
  "run tiny.ts --lea": ["--learning-rate"],
  "runs --status f": ["failed"],
  "status Ti": ["TinyFlow/1"],
  "logs TinyFlow/1/mi": ["TinyFlow/1/middle"],
  "resume TinyFlow/1 mi": ["middle"],
  "completion f": ["fish"],
};

async function offered(
  shell: string,
  { args, script, lines = expected }: { readonly args: readonly string[]; readonly script: string; readonly lines?: object },
): Promise<Record<string, readonly string[]>> {
  const completion = await project.ask(`completion ${shell}`);
  const file = join(project.folder, `ask.${shell}`);
  writeFileSync(file, `${completion}\n${script}`);
  const found: Record<string, readonly string[]> = {};
  for (const line of Object.keys(lines)) {
    const { stdout, stderr } = spawnSync(shell, [...args, file, line], {
      cwd: project.folder,
      encoding: "utf8",
      env: {
        ...process.env,
        STEPWELL_USER: "ana",
        HOME: project.folder,
        XDG_CONFIG_HOME: project.folder,
        PATH: `${project.folder}${delimiter}${process.env["PATH"]}`,
      },
    });
    assert.equal(stderr, "", `${shell}: stepwell ${line}`);
    found[line] = stdout
      .split("\n")
      .filter((word) => word !== "")
      .toSorted();
  }
  return found;
}

void test("bash completes commands, options, parameters, choices, runs and steps", options("bash"), async () => {
  const script = `
read -r -a COMP_WORDS <<< "stepwell $1"
[[ "$1" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_stepwell
printf '%s\\n' "\${COMPREPLY[@]}"`;
  assert.deepEqual(await offered("bash", { args: ["--norc"], script }), expected);
});

void test("zsh does too", options("zsh"), async () => {
  // Outside of an interactive shell nothing can be completed, but what would be offered can be looked at.
  const script = `
compadd() { print -l -- "\${(@P)3}" }
_files() { print files }
words=("\${(@s: :)\${:-stepwell $1}}")
CURRENT=$#words
_stepwell`;
  assert.deepEqual(await offered("zsh", { args: ["-f"], script }), expected);
});

void test("fish does too, and offers files where a file is wanted", options("fish"), async () => {
  const script = 'complete -C "stepwell $argv[1]" | string replace -r "\\t.*" ""';
  const lines = { ...expected, "check ti": ["tiny.ts"] };
  assert.deepEqual(await offered("fish", { args: ["--no-config"], script, lines }), lines);
});
