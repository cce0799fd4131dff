// A process that `stepwell up` keeps alive: started again when it ends by itself, ended in an orderly way when asked.
//
// V1. It is running, waiting to be started again, or stopped for good.
// V2. Its output goes to a file, which it can go on writing to without its parent.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { startOfProcess } from "../../coordinator/adapters/process-identity.ts";

export type Program = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
};

/** A process as others can find it again: its number, and what tells it from a later one of that number. */
export type ProcessMark = { readonly name: string; readonly pid: number; readonly start: string };

export type SupervisedEvents = {
  /** Also when it was started again. */
  onStarted(): void;
  onEnded(how: string, againInMs: number): void;
};

/** Between the end of a process and its next start; it doubles while it keeps ending. Milliseconds. */
const againMsMin = 500;
const againMsMax = 30_000;
/** One that has run for so long has not just failed to start. Milliseconds. */
const healthyMs = 30_000;

export class Supervised {
  readonly program: Program;
  readonly #events: SupervisedEvents;
  #child: ChildProcess | null = null;
  #again: NodeJS.Timeout | null = null;
  #failures = 0;
  #stopped = false;

  constructor(program: Program, events: SupervisedEvents) {
    this.program = program;
    this.#events = events;
    this.#start();
  }

  /** Null while it is not running. */
  get mark(): ProcessMark | null {
    const pid = this.#child?.pid;
    const start = pid === undefined ? null : startOfProcess(pid);
    return pid === undefined || start === null ? null : { name: this.program.name, pid, start };
  }

  /** How often in a row it has ended soon after its start. */
  get failures(): number {
    return this.#failures;
  }

  /** SIGTERM, and SIGKILL after the time given. Resolves when it has ended. */
  async stop(withinMs: number): Promise<void> {
    this.#stopped = true;
    if (this.#again !== null) clearTimeout(this.#again);
    const child = this.#child;
    if (child === null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), withinMs);
    await ended;
    clearTimeout(late);
  }

  kill(): void {
    this.#stopped = true;
    if (this.#again !== null) clearTimeout(this.#again);
    this.#child?.kill("SIGKILL");
  }

  #start(): void {
    const { command, args, env, logFile } = this.program;
    const output = openSync(logFile, "a", 0o600);
    // A group of its own: Ctrl-C in the terminal is for the parent, which ends its processes one after the other.
    const child = spawn(command, args, { env, stdio: ["ignore", output, output], detached: true });
    closeSync(output);
    const startedAtMs = performance.now();
    this.#child = child;
    child.on("spawn", () => this.#events.onStarted());
    child.on("error", (error) => this.#ended(error.message, startedAtMs));
    child.on("exit", (code, signal) => this.#ended(code === null ? `ended by ${signal ?? "a signal"}` : `ended with ${code}`, startedAtMs));
  }

  #ended(how: string, startedAtMs: number): void {
    this.#child = null;
    if (this.#stopped) return;
    this.#failures = performance.now() - startedAtMs > healthyMs ? 0 : this.#failures + 1;
    const againInMs = Math.min(againMsMax, againMsMin * 2 ** Math.max(0, this.#failures - 1));
    this.#again = setTimeout(() => this.#start(), againInMs);
    this.#events.onEnded(how, againInMs);
  }
}
