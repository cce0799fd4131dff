// Runs the built command as a user does: a process of its own in a folder of its own.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const root = new URL("..", import.meta.url).pathname;
export const bin = join(root, "dist/cli/bin.cjs");

export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Ends as the command ends, or with code null after `timeoutMs`. */
export function stepwell(
  folder: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: folder,
      env: { ...cleanEnvironment(), ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: options.timeoutMs ?? 60_000,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** The environment without what would change the command's behaviour. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...process.env, STEPWELL_USER: "tester" };
  for (const name of Object.keys(environment))
    if (/^(CI|GITHUB_ACTIONS|FORCE_COLOR|NO_COLOR|NODE_TEST_CONTEXT|NODE_OPTIONS)$/.test(name)) delete environment[name];
  return environment;
}

/** A folder for one test, gone afterwards. */
export function temporaryFolder(): { readonly path: string; write(name: string, text: string): string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "stepwell-test-"));
  return {
    path,
    write: (name, text) => {
      const file = join(path, name);
      writeFileSync(file, text);
      return file;
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Processes whose command line or environment shows that they belong to the folder. */
export function processesOf(folder: string): readonly string[] {
  const found = spawnSync("grep", ["-l", "-a", "-s", folder, ...globbed("/proc/[0-9]*/environ"), ...globbed("/proc/[0-9]*/cmdline")], {
    encoding: "utf8",
  });
  return [...new Set(found.stdout.split("\n").flatMap((line) => /^\/proc\/(\d+)\//.exec(line)?.[1] ?? []))].filter(
    (pid) => pid !== String(process.pid),
  );
}

function globbed(pattern: string): readonly string[] {
  return spawnSync("sh", ["-c", `ls ${pattern} 2>/dev/null`], { encoding: "utf8" })
    .stdout.split("\n")
    .filter((line) => line !== "");
}
