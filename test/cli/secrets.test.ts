// A secret parameter's value is in nothing that the command prints, whatever the step does with it, and in nothing that it keeps.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { disconnect } from "../../cli/client.ts";
import { resume, run } from "../../cli/runner.ts";
import { stepwell, temporaryFolder } from "../command.ts";

const options = { timeout: 60_000 };
const flow = `
import { execFileSync } from "node:child_process";
import { FlowSpec, parameter, step } from "stepwell";
export class SecretFlow extends FlowSpec {
  token = parameter.string({ secret: true, default: "ringed-sesame" });
  @step start() {
    console.log("token", this.token);
    console.error({ nested: this.token });
    execFileSync("echo", ["child", this.token], { stdio: "inherit" });
    throw new Error("refused " + this.token);
    return this.next(this.end);
  }
  @step end() {}
}
`;

test("a secret is hidden in logs, failures, documents and the flow's description", options, async () => {
  using folder = temporaryFolder();
  folder.write("secret.ts", flow);
  const run = await stepwell(folder.path, ["run", "secret.ts", "--json"], { env: { STEPWELL_PARAM_TOKEN: "open-sesame" } });
  assert.equal(run.code, 1);
  assert.match(run.stderr, /token \*{4}/);
  assert.match(run.stderr, /child \*{4}/);
  assert.match(run.stdout, /refused \*{4}/);
  const asked = [
    ["logs", "latest", "--json"],
    ["status", "latest", "--tasks", "--json"],
    ["artifacts", "latest/start", "--json"],
    ["card", "latest/start/0", "--out", "card.html"],
    ["get", "latest/start/0/token"],
    ["compare", "latest", "latest", "--json"],
    ["resume", "latest", "--dry-run", "--json"],
    ["show", "secret.ts", "--json"],
  ];
  for (const args of asked) {
    const { stdout, stderr } = await stepwell(folder.path, args);
    assert.ok(!`${stdout}${stderr}`.includes("sesame"), args.join(" "));
  }
  assert.ok(!`${run.stdout}${run.stderr}`.includes("sesame"));
});

const quietFlow = `
import { readFileSync } from "node:fs";
import { FlowSpec, parameter, step } from "stepwell";
export class QuietFlow extends FlowSpec {
  token = parameter.string({ secret: true, required: true });
  key = parameter.file({ secret: true, as: "bytes" });
  settings = parameter.json<{ user: string }>({ secret: true });
  declare lengths: number[];
  @step start() { return this.next(this.work); }
  @step work() {
    this.lengths = [this.token.length, this.key?.length ?? -1, this.settings?.user.length ?? -1];
    if (process.env.STEPWELL_PARAM_TOKEN !== undefined) throw new Error("the environment has the token");
    return this.next(this.end);
  }
  @step end() {
    const wanted = readFileSync("wanted.txt", "utf8");
    if (this.token !== wanted) throw new Error("this is another token");
  }
}
`;

test("a secret comes from the environment or a file, lasts through resumes, and is asked for again once it is lost", options, async () => {
  using folder = temporaryFolder();
  folder.write("quiet.ts", quietFlow);
  folder.write("key.bin", "0123456789");
  folder.write("wanted.txt", "second-sesame");
  folder.write("params.json", JSON.stringify({ token: "first-sesame", settings: { user: "ada" } }));
  const say = (words: string, env: Readonly<Record<string, string>> = {}) => stepwell(folder.path, words.split(" "), { env });
  const refused = await say("run quiet.ts --token first-sesame");
  assert.deepEqual([refused.code, refused.stderr.includes("sesame")], [2, false]);
  assert.match(refused.stderr, /error\[SW2008\]: parameter token: it is secret, and must not stand on the command line/);
  assert.match(refused.stderr, /hint: set STEPWELL_PARAM_TOKEN, or give a JSON file with --params FILE/);

  // The path of a secret file is no secret.
  assert.equal((await say("run quiet.ts --params params.json --key key.bin")).code, 1);
  assert.equal((await say("get latest/work/0/lengths --json")).stdout, "[12,10,3]\n");
  assert.equal((await say("resume latest")).code, 1);
  assert.equal((await say("resume --in-place latest")).code, 1);
  const plan = await say("resume latest --dry-run --json", { STEPWELL_PARAM_TOKEN: "second-sesame" });
  const { changedParameters, steps } = JSON.parse(plan.stdout) as { changedParameters: string[]; steps: { step: string; reuse: number }[] };
  assert.deepEqual(
    [changedParameters, steps.map(({ step, reuse }) => [step, reuse])],
    [
      ["token"],
      [
        ["start", 1],
        ["work", 0],
        ["end", 0],
      ],
    ],
  );
  assert.equal((await say("resume latest", { STEPWELL_PARAM_TOKEN: "second-sesame" })).code, 0);
  assert.equal((await say("get latest/work/0/lengths --json")).stdout, "[13,10,3]\n");

  rmSync(join(folder.path, ".stepwell/secrets"), { recursive: true });
  const lost = await say("resume QuietFlow/2 start");
  assert.equal(lost.code, 2);
  assert.match(lost.stderr, /secret parameter token of QuietFlow\/2: its value is kept no longer; .*key .*; .*settings/);
  const retried = await say("retry QuietFlow/2");
  assert.match(retried.stderr, /secret parameter token of QuietFlow\/2: its value is kept no longer/);
});

const programFlow = `
import { FlowSpec, parameter, step } from "stepwell";
export class ProgramFlow extends FlowSpec {
  token = parameter.string({ secret: true, required: true });
  other = parameter.string({ secret: true });
  rate = parameter.number({ default: 2 });
  declare seen: [number, number, boolean];
  @step start() {
    this.seen = [this.token.length, this.rate, "STEPWELL_PARAM_OTHER" in process.env];
    return this.next(this.end);
  }
  @step end() {}
}
`;
type Program = { token: string; other?: string; rate: number; seen: [number, number, boolean] };

test("a program gives secrets as values or in its environment, and can read none of them", options, async (context) => {
  using folder = temporaryFolder();
  const variables = { STEPWELL_DIR: join(folder.path, ".stepwell"), STEPWELL_USER: "ana", STEPWELL_PARAM_OTHER: "other-sesame" };
  Object.assign(process.env, variables);
  context.after(async () => {
    await disconnect();
    for (const name of Object.keys(variables)) Reflect.deleteProperty(process.env, name);
  });
  const file = folder.write("program.ts", programFlow);
  const first = await run<Program>(file, { token: "open-sesame" });
  assert.deepEqual(first.data.seen, [11, 2, false]);
  assert.throws(
    () => first.parameters.token,
    /^Error: token is a secret parameter of ProgramFlow\/1: its value is not kept where it could be read$/,
  );
  assert.equal(first.parameters.rate, 2);
  assert.deepEqual(Object.keys(first.parameters), ["rate"]);
  assert.ok(!inspect([first, first.parameters], { depth: 9, showHidden: true }).includes("sesame"));
  const second = await resume<Program>("ProgramFlow/1", { parameters: { rate: 3 } });
  assert.deepEqual(second.data.seen, [11, 3, false]);
  const third = await resume<Program>("ProgramFlow/2", { parameters: { token: "sesame" } });
  assert.deepEqual([third.data.seen, third.counts.reused], [[6, 3, false], 0]);
});
