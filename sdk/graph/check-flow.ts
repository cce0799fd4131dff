// Everything that is known about a flow before it runs: `stepwell check`, `show` and `run` begin here.

import { existsSync, realpathSync } from "node:fs";
import { relative, resolve } from "node:path";
import { startBundling } from "../package/bundle.ts";
import type { CheckedFlow } from "./check-bundle.ts";
import { isError } from "./problem.ts";
import type { Problem } from "./problem.ts";

export type { CheckedFlow } from "./check-bundle.ts";

type CheckOptions = {
  /** Needed where the file exports several. `flow.ts:TrainFlow` says the same. */
  readonly flowName?: string;
  /** Problems name files relative to this folder. Default: the process's. */
  readonly folder?: string;
};

/** Never throws for what an author did. */
export async function checkFlow(file: string, options: CheckOptions = {}): Promise<CheckedFlow> {
  const named = /^(.*\.[cm]?[jt]sx?):(\w+)$/.exec(file);
  const folder = realPath(options.folder ?? process.cwd());
  const path = realPath(resolve(folder, named?.[1] ?? file));
  const flowName = options.flowName ?? named?.[2] ?? null;
  const shown = (absolute: string): string => relative(folder, absolute);
  const { bundled } = await startBundling(path, shown);
  // What judges the bundle is loaded meanwhile.
  const [{ bundle, problems }, { checkBundle, faulty }] = await Promise.all([bundled, import("./check-bundle.ts")]);
  if (bundle === null || problems.some(isError)) return faulty(inOrder(problems));
  const checked = checkBundle(bundle, { path, flowName, shown });
  return { ...checked, problems: inOrder([...problems, ...checked.problems]) };
}

/** The bundler names sources by their real paths, so that links must not come between them and the flow's folder. */
function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

/** By file and line; the same problem is told once. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const unique = new Map(problems.map((each) => [JSON.stringify(each), each]));
  return [...unique.values()].sort(
    (a, b) => a.file.localeCompare(b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
}
