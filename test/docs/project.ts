// A project as a user has it, with this checkout as the installed package. Needs a built dist/.

import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { root, temporaryFolder } from "../command.ts";

type File = { readonly name: string; readonly text: string };

export function writeProject(files: readonly File[]): ReturnType<typeof temporaryFolder> {
  const folder = temporaryFolder();
  mkdirSync(join(folder.path, "node_modules"));
  symlinkSync(root, join(folder.path, "node_modules/stepwell"));
  symlinkSync(join(root, "node_modules/@types"), join(folder.path, "node_modules/@types"));
  folder.write("package.json", '{ "type": "module" }');
  const checks = { strict: true, noUncheckedIndexedAccess: true, skipLibCheck: true };
  const compilerOptions = {
    ...checks,
    target: "ES2022",
    module: "NodeNext",
    lib: ["ES2024", "ESNext.Disposable", "ESNext.Decorators"],
    types: ["node"],
    allowImportingTsExtensions: true,
    noEmit: true,
  };
  folder.write("tsconfig.json", JSON.stringify({ compilerOptions }));
  for (const { name, text } of files) folder.write(name, text);
  return folder;
}

/** What the compiler says; empty where it is content. */
export function typeErrorsOf(project: string): string {
  return spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", project], { encoding: "utf8" }).stdout;
}
