// Loads a flow written in TypeScript with decorators, as tests need them: compiled by esbuild, the library's own modules
// left to this process, so that its FlowSpec is the one the test knows.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import type { FlowClass } from "../sdk/flow/flow-spec.ts";

/** A module whose exports are flows. */
export type FlowModule = Readonly<Record<string, FlowClass>>;

const root = resolve(import.meta.dirname, "..");

/** `stepwell` in the flow's imports means sdk/index.ts. */
export async function loadFlow(path: string): Promise<FlowModule> {
  const folder = mkdtempSync(join(tmpdir(), "flow-fixture-"));
  const outfile = join(folder, "flow.mjs");
  try {
    await build({
      entryPoints: [path],
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node22",
      absWorkingDir: dirname(path),
      alias: { stepwell: join(root, "sdk/index.ts") },
      plugins: [
        {
          name: "sdk-stays-outside",
          setup: ({ onResolve }) =>
            onResolve({ filter: /(^stepwell$|\/sdk\/|^\.{1,2}\/.*\.ts$)/ }, (found) => {
              const target = found.path === "stepwell" ? join(root, "sdk/index.ts") : resolve(found.resolveDir, found.path);
              return target.startsWith(join(root, "sdk")) && !target.endsWith(".flow.ts")
                ? { path: pathToFileURL(target).href, external: true }
                : undefined;
            }),
        },
      ],
    });
    return (await import(pathToFileURL(outfile).href)) as FlowModule;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
