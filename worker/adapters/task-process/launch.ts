// Loads the built program for a process that runs one task: `launch.cjs STORE_ROOT TEMPORARY_FOLDER once STORAGE COMPILED`. It takes
// half of the time that the program itself would take, which a process that is used again pays only once.
//
// V1. Compiled code is kept by the first process that finds none in the file COMPILED, for those that the same worker starts
//     later: the engine believes what it finds there, so the file lies in the worker's own folder and is as old as the worker
//     at most.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";

type Program = { readonly exports: { readonly serveTasks?: (words: readonly string[], beforeReport: () => void) => void } };

const words = process.argv.slice(2);
const compiled = words[4];
const file = join(__dirname, "program.cjs");
const cachedData = compiled === undefined ? undefined : readIfThere(compiled);
const script = new Script(`(function (require, module, exports, __filename, __dirname) {${readFileSync(file, "latin1")}\n})`, {
  filename: file,
  ...(cachedData === undefined ? {} : { cachedData }),
});
const program: Program = { exports: {} };
const load = script.runInThisContext() as (...args: readonly unknown[]) => void;
load(require, program, program.exports, file, __dirname);
program.exports.serveTasks?.(words, compiled === undefined || cachedData !== undefined ? () => undefined : () => keep(compiled));

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** With all functions in it that a task has called. Without it the next process merely compiles them again. */
function keep(path: string): void {
  try {
    const own = `${path}.${process.pid}`;
    writeFileSync(own, script.createCachedData());
    renameSync(own, path);
  } catch {
    // A full disk, say.
  }
}
