// What goes wrong before the command has begun, or because of who runs it: told by processes of their own.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bin, cleanEnvironment, temporaryFolder } from "../command.ts";

type Options = {
  readonly folder: string;
  readonly uid?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly preload?: string;
};

function said(
  words: readonly string[],
  { folder, uid, env, preload }: Options,
): { readonly exit: number | null; readonly err: string; readonly out: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...(preload === undefined ? [] : ["--require", preload]), bin, ...words],
    {
      cwd: folder,
      encoding: "utf8",
      timeout: 60_000,
      env: { ...cleanEnvironment(), ...env },
      ...(uid !== undefined && { uid, gid: uid }),
    },
  );
  return { exit: status, out: stdout.replaceAll(folder, "FOLDER"), err: stderr.replaceAll(folder, "FOLDER") };
}

const flow = `import { FlowSpec, step } from "stepwell";
export class SmallFlow extends FlowSpec {
  @step start() { return this.next(this.end); }
  @step end() {}
}
`;

void test("a Node that is too old is named, with the one that is needed", () => {
  using folder = temporaryFolder();
  const preload = folder.write("old.cjs", `Object.defineProperty(process.versions, "node", { value: "20.20.2" });`);
  assert.deepEqual(said(["run", "flow.ts"], { folder: folder.path, preload }), {
    exit: 2,
    out: "",
    err: "error[SW2010]: stepwell needs Node 22.13 or later, and this is 20.20.2\n  hint: in the project, npm install node@24; then npx stepwell, which takes that one\n",
  });
});

void test("a folder that belongs to somebody else is told as such, and so is a file that may not be read", (t) => {
  if (process.getuid?.() !== 0) return t.skip("becoming another user takes root");
  using folder = temporaryFolder();
  folder.write("flow.ts", flow);
  chmodSync(folder.path, 0o755);
  const other = { folder: folder.path, uid: 65_534, env: { HOME: "/nonexistent", TMPDIR: "/tmp" } };
  if (said(["version"], other).exit !== 0) return t.skip("another user cannot read this checkout");
  const refused = said(["run", "flow.ts"], other);
  assert.deepEqual(refused, {
    exit: 5,
    out: "",
    err: "error[SW5002]: ledger FOLDER/.stepwell/ledger.db: its folder cannot be made (EACCES: permission denied, mkdir 'FOLDER/.stepwell'); choose a folder that you may write to\n",
  });
  assert.equal(said(["run", "flow.ts", "-q"], { folder: folder.path }).exit, 0);
  assert.deepEqual(said(["status", "SmallFlow/1"], other), {
    exit: 5,
    out: "",
    err: "error[SW5002]: ledger FOLDER/.stepwell/ledger.db cannot be written (EACCES: permission denied, access 'FOLDER/.stepwell'); check the permissions of the file and its folder\n",
  });
  chmodSync(join(folder.path, "flow.ts"), 0o600);
  const { exit, err } = said(["check", "flow.ts"], other);
  assert.deepEqual([exit, err], [2, 'error[SW1401]: cannot read file "flow.ts": permission denied\n  --> flow.ts\n']);
});
