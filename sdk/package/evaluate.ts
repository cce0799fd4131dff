// Runs a bundle: compiled once, evaluated as often as fresh module state is needed.

import { createRequire } from "node:module";
import { Script } from "node:vm";

/** What a bundle may import while it runs, by specifier, besides the modules of Node. */
export type ProvidedModules = Readonly<Record<string, object>>;

export type Exports = Readonly<Record<string, unknown>>;

/** Evaluates the bundle anew. Throws what its modules throw. */
type Evaluate = (modules: ProvidedModules) => Exports;

/** Stands before the flow's file in the stack traces of a bundle. */
export const codeScheme = "stepwell-code:";

/** Names that the bundler puts in the place of `import.meta.url`, `__filename` and `__dirname`. */
export const placeNames = { url: "__stepwell_url", filename: "__stepwell_filename", dirname: "__stepwell_dirname" } as const;

const parameters = ["exports", "require", "module", placeNames.url, placeNames.filename, placeNames.dirname];
const prefix = `(function (${parameters.join(", ")}) { `;

/** @throws SyntaxError */
export function compileBundle(code: string, file: string): Evaluate {
  // On one line with the code's first, and taken off its columns, so that places in stack traces are those of the code.
  const script = new Script(`${prefix}${code}\n})`, { filename: codeScheme + file, columnOffset: -prefix.length });
  const run = script.runInThisContext() as (...args: unknown[]) => void;
  return (modules) => {
    const module = { exports: {} as Exports };
    // Dependencies may ask where they are; nothing is there.
    run.call(module.exports, module.exports, requireFrom(modules), module, `file:///stepwell/${file}`, `/stepwell/${file}`, "/stepwell");
    return module.exports;
  };
}

function requireFrom(modules: ProvidedModules): (specifier: string) => unknown {
  return (specifier) => {
    const provided = Object.hasOwn(modules, specifier) ? modules[specifier] : process.getBuiltinModule(specifier);
    if (provided !== undefined) return provided;
    // The client, say, which few flows import: resolved as this package resolves itself.
    if (specifier.startsWith("stepwell/")) return createRequire(import.meta.url)(specifier);
    throw new Error(
      `cannot import "${specifier}" while the flow runs: its code is one package, made beforehand; import it by a literal name, so that it becomes part of the package`,
    );
  };
}
