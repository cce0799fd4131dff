// What a short command costs from the start of its process to its end, against Node alone, in turns. Needs a build.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { atMost, median, noted, quick } from "./figure.ts";

const command = fileURLToPath(new URL("../dist/cli/bin.cjs", import.meta.url));
/** On the disk of the checkout: /tmp may be memory. */
const folder = mkdtempSync(join(import.meta.dirname, ".cold-start-"));
const rounds = quick ? 2 : 25;
const measured = {
  bare: ["-e", "0"],
  run: [command, "run", "hello.ts"],
  version: [command, "version"],
  check: [command, "check", "hello.ts"],
};
const times: Record<keyof typeof measured, number[]> = { bare: [], run: [], version: [], check: [] };

try {
  copyFileSync(new URL("../examples/hello.ts", import.meta.url), join(folder, "hello.ts"));
  // Fills the cache of compiled code.
  await timed(measured.run);
  for (let round = 0; round < rounds; round += 1) {
    for (const name of ["bare", "run", "version", "check"] as const) times[name].push(await timed(measured[name]));
  }
} finally {
  rmSync(folder, { recursive: true });
}
const bare = median(times.bare);
const against = { unit: "ms", limit: bare, limitName: "node -e 0" };
noted("node -e 0, start to exit", bare, "ms");
atMost(6, { figure: "stepwell run examples/hello.ts, start to exit", value: median(times.run), ...against });
atMost(1.5, { figure: "stepwell version, start to exit", value: median(times.version), ...against });
noted("stepwell check examples/hello.ts, start to exit", median(times.check), "ms");

async function timed(words: readonly string[]): Promise<number> {
  const startMs = performance.now();
  const child = spawn(process.execPath, words, { cwd: folder, stdio: "ignore" });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${words.join(" ")} ended with ${code}`);
  return performance.now() - startMs;
}
