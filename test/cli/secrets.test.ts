// A secret parameter's value is in nothing that the command prints, whatever the step does with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { stepwell, temporaryFolder } from "../command.ts";

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

test("a secret is hidden in logs, failures, documents and the flow's description", async () => {
  using folder = temporaryFolder();
  folder.write("secret.ts", flow);
  const run = await stepwell(folder.path, ["run", "secret.ts", "--token", "open-sesame", "--json"]);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /token \*{4}/);
  assert.match(run.stderr, /child \*{4}/);
  assert.match(run.stdout, /refused \*{4}/);
  const asked = [
    ["logs", "latest", "--json"],
    ["status", "latest", "--tasks", "--json"],
    ["artifacts", "latest/start", "--json"],
    ["get", "latest/start/0/token"],
    ["show", "secret.ts", "--json"],
  ];
  for (const args of asked) {
    const { stdout, stderr } = await stepwell(folder.path, args);
    assert.ok(!`${stdout}${stderr}`.includes("sesame"), args.join(" "));
  }
  assert.ok(!`${run.stdout}${run.stderr}`.includes("sesame"));
});
