// Files that a command was asked to write.

import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CliError } from "./cli-error.ts";

/** Where `file` will be, once it is known that it can be there. @throws CliError badFile */
export function outputPath(option: string, file: string, cwd: string): string {
  const path = resolve(cwd, file);
  const folder = dirname(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new CliError("badFile", `${option} ${file}: there is no folder ${folder}`, { hint: `make it first: mkdir -p ${dirname(file)}` });
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new CliError("badFile", `${option} ${file}: that is a folder`, { hint: "name a file" });
  }
  return path;
}
