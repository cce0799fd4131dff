// Bundles a flow's file and everything it imports into one script.

import { existsSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type * as esbuild from "esbuild";
import type { BuildFailure, BuildOptions, Location, Message } from "esbuild";
import { problem } from "../graph/problem.ts";
import type { Place, Problem } from "../graph/problem.ts";
import { placeNames } from "./evaluate.ts";
import { openSourceMap } from "./source-map.ts";
import { sourcePlaces } from "./source-places.ts";
import type { SourcePlaces } from "./source-places.ts";
import { isDependency } from "./stack.ts";

export type Bundle = {
  readonly code: string;
  /** JSON; its sources are relative to the folder of the flow's file. */
  readonly sourceMap: string;
  readonly places: SourcePlaces;
};

type Bundled = { readonly bundle: Bundle | null; readonly problems: readonly Problem[] };

/** `path` is the flow's file; `shown` turns the absolute path of a source into the name that problems give it. */
type Naming = { readonly path: string; readonly shown: (path: string) => string };

/** Resolves when the bundler, a process of its own, has been set to work. */
export async function startBundling(file: string, shown: (path: string) => string): Promise<{ readonly bundled: Promise<Bundled> }> {
  const { build } = await import("esbuild");
  return { bundled: bundleFile({ path: resolve(file), shown }, build) };
}

async function bundleFile(naming: Naming, build: typeof esbuild.build): Promise<Bundled> {
  const { path, shown } = naming;
  if (!existsSync(path)) {
    const text = { message: `there is no file ${shown(path)}`, hint: "give the path of a TypeScript file that exports a flow" };
    return { bundle: null, problems: [problem("SW1401", shown(path), text)] };
  }
  try {
    const { outputFiles, warnings } = await build(optionsFor(path));
    const output = (suffix: string): string => outputFiles.find((each) => each.path.endsWith(suffix))?.text ?? "";
    const code = output(".cjs");
    const sourceMap = output(".map");
    const places = sourcePlaces(code, openSourceMap(sourceMap), (source) => shown(resolve(dirname(path), source)));
    const objections = warnings.map((message) => problemOf(message, "SW1409", naming));
    const problems = [...objections, ...placeQuestions(code, places), ...legacyDecorators(code, shown(path))];
    return { bundle: { code, sourceMap, places }, problems };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    return { bundle: null, problems: error.errors.map((message) => problemOf(message, "SW1401", naming)) };
  }
}

/** Fixed, so that equal sources give equal code on every machine. */
function optionsFor(path: string) {
  return {
    entryPoints: [path],
    // Paths in the code and in its map are relative to this folder.
    absWorkingDir: dirname(path),
    outfile: resolve(dirname(path), `${basename(path)}.cjs`),
    write: false,
    bundle: true,
    format: "cjs",
    platform: "node",
    // Node leaves decorators to others; this target lowers them.
    target: "node22",
    // A dynamic import becomes a require, which knows what the flow may import while it runs.
    supported: { "dynamic-import": false },
    sourcemap: "external",
    sourcesContent: true,
    external: ["stepwell", "stepwell/*"],
    define: { "import.meta.url": placeNames.url, __filename: placeNames.filename, __dirname: placeNames.dirname },
    loader: { ".txt": "text", ".sql": "text", ".md": "text" },
    logLevel: "silent",
  } as const satisfies BuildOptions;
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}

/** What the bundler says, as a problem of `code` unless it is one that has a code of its own. */
function problemOf(message: Message, code: "SW1401" | "SW1409", naming: Naming): Problem {
  const { text, location } = message;
  const place = location === null ? naming.shown(naming.path) : placeOf(location, naming);
  if (/no loader is configured for "\.node"/i.test(text)) {
    const hint = "native code depends on the machine: use a package in JavaScript or WebAssembly, or start a program from the step";
    return problem("SW1402", place, { message: "a native module (.node) cannot be part of a flow's code", hint });
  }
  if (/top-level await/i.test(text)) {
    const hint = "move the await into a step, or into a function that steps call";
    return problem("SW1403", place, { message: "await at the top level of a module is not possible in a flow", hint });
  }
  const [, missing] = /^could not resolve "(.+)"/i.exec(text) ?? [];
  if (missing !== undefined) {
    const hint = /^[./]/.test(missing) ? "correct the path" : `install it: npm install ${missing}`;
    return problem(code, place, { message: `"${missing}" cannot be found`, hint });
  }
  return problem(code, place, { message: text.slice(0, 1).toLowerCase() + text.slice(1) });
}

function placeOf(location: Location, naming: Naming): Place {
  const { file, line, column, lineText } = location;
  return {
    file: naming.shown(resolve(dirname(naming.path), file)),
    line,
    // The bundler counts bytes.
    column: Buffer.from(lineText).toString("utf8", 0, column).length + 1,
    sourceLine: lineText,
  };
}

/** The author's own modules don't ask where they are: the code runs as a package, often on another machine. */
function placeQuestions(code: string, places: SourcePlaces): readonly Problem[] {
  const written = { [placeNames.url]: "import.meta.url", [placeNames.filename]: "__filename", [placeNames.dirname]: "__dirname" };
  return Object.entries(written).flatMap(([name, text]) =>
    Array.from(code.matchAll(new RegExp(`\\b${name}\\b`, "g")), (match) => places.at(match.index)).flatMap((place) => {
      if (place === null || isDependency(place.file)) return [];
      const message = `${text} has no meaning in a flow: its code runs as a package, also on other machines`;
      const hint = "declare the file as a parameter, parameter.file({ default: PATH }), or import it (.json, .txt)";
      return [problem("SW1404", place, { message, hint })];
    }),
  );
}

function legacyDecorators(code: string, file: string): readonly Problem[] {
  if (!code.includes("__decorateClass(")) return [];
  const message = "the decorators of this file were compiled in the old, experimental way";
  return [problem("SW1408", file, { message, hint: 'take "experimentalDecorators" out of its tsconfig.json' })];
}
