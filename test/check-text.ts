// For tests: writes files into a folder of its own, checks the flow in them, and removes the folder.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { checkFlow } from "../sdk/graph/check-flow.ts";
import type { CheckedFlow } from "../sdk/graph/check-flow.ts";

/** Texts by path, relative to the flow's folder. `target` is what a person would type. */
export async function checkFiles(files: Readonly<Record<string, string>>, target = "flow.ts"): Promise<CheckedFlow> {
  const root = mkdtempSync(join(tmpdir(), "stepwell-check-"));
  const folder = join(root, "flows");
  try {
    mkdirSync(folder);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return await checkFlow(target, { folder });
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Lines of `body` start at line 3 of flow.ts. */
export function flowText(body: string): string {
  const imports = 'import { catchError, FlowSpec, type Inputs, parameter, retry, step, timeout } from "stepwell";';
  return `${imports}\nexport class TestFlow extends FlowSpec {\n${body}\n}\n`;
}
