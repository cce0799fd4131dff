// Starts the built command for tests that disturb it while it runs: in a folder of its own, with a temporary folder of
// its own, so that whatever it leaves anywhere is found.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLocal } from "../../cli/local-cluster.ts";
import type { Reader } from "../../cli/reader.ts";
import type { RunDocument } from "./run-document.ts";
import { bin, cleanEnvironment, processesOf, type Ran } from "../command.ts";

/** How long something that must happen may take on a machine that is busy with other things. No verdict depends on less. */
const patienceMs = 60_000;

export type Started = {
  readonly pid: number;
  readonly ended: Promise<Ran & { readonly signal: NodeJS.Signals | null }>;
  /** What it has printed on stdout and stderr so far. */
  said(): string;
  kill(signal: NodeJS.Signals): void;
};

/** Where a test's flows, runs and temporary files are. */
export class Place implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "chaos-"));
  readonly temp = join(this.path, "t");
  readonly #children = new Set<ChildProcess>();

  readonly #env: Readonly<Record<string, string>>;

  /** `env` is for all commands. */
  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#env = env;
    mkdirSync(this.temp);
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  start(...args: readonly string[]): Started {
    return this.#start([process.execPath, bin, ...args]);
  }

  /** In a control group, whose file of processes is given. */
  startIn(group: string, ...args: readonly string[]): Started {
    return this.#start(["sh", "-c", 'echo $$ > "$0"; exec "$@"', group, process.execPath, bin, ...args]);
  }

  #start([program = "", ...args]: readonly string[]): Started {
    const child = spawn(program, args, {
      cwd: this.path,
      env: { ...cleanEnvironment(), TMPDIR: this.temp, PLACE: this.path, ...this.#env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.add(child);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const { pid } = child;
    assert.ok(pid !== undefined);
    const ended = new Promise<Awaited<Started["ended"]>>((resolve) => {
      child.once("close", (code, signal) => {
        this.#children.delete(child);
        resolve({ code, signal, stdout, stderr });
      });
    });
    return {
      pid,
      ended: within(`the end of stepwell ${args.join(" ")}`, ended),
      said: () => stdout + stderr,
      kill: (signal) => child.kill(signal),
    };
  }

  async run(...args: readonly string[]): Promise<Ran> {
    return this.start(...args).ended;
  }

  /** The document that ends `--json`. */
  async document(...args: readonly string[]): Promise<RunDocument> {
    const ran = await this.run(...args, "--json");
    assert.notEqual(ran.stdout, "", ran.stderr);
    return JSON.parse(ran.stdout) as RunDocument;
  }

  has(name: string): boolean {
    return existsSync(join(this.path, name));
  }

  /** Lines that steps have appended to a file of this folder; a line being written is left out. */
  lines(name: string): readonly string[] {
    const file = join(this.path, name);
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  }

  async reading<T>(use: (local: Reader) => Promise<T>): Promise<T> {
    const local = await openLocal({ dir: join(this.path, ".stepwell") });
    try {
      return await use(local);
    } finally {
      await local.close();
    }
  }

  /** Nothing runs any more, and nothing is left but what a run keeps. */
  async assertNothingLeft(): Promise<void> {
    await until("the end of all processes", () => processesOf(this.path).length === 0);
    const left = (): readonly string[] => readdirSync(this.temp);
    await until(`an empty temporary folder, not ${left().join(", ")}`, () => left().length === 0);
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill("SIGKILL");
    for (const pid of processesOf(this.path)) tryKill(Number(pid));
    rmSync(this.path, { recursive: true, force: true });
  }
}

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + patienceMs; !(await holds()); await pause(20)) {
    if (Date.now() > endMs) throw new Error(`waited ${patienceMs / 1000} s in vain for ${what}`);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie has ended; whoever adopted it has not looked yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself meanwhile.
  }
}

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`waited ${(2 * patienceMs) / 1000} s in vain for ${what}`)), 2 * patienceMs);
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}
