// A process of the cluster that is killed, frozen, and started again under the same name: the built command.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { bin } from "../../command.ts";

export type MemberOptions = {
  readonly name: string;
  /** Of the command. */
  readonly words: readonly string[];
  /** Asked for at each start. */
  readonly env: () => NodeJS.ProcessEnv;
  readonly folder: string;
  /** What it writes is added there. */
  readonly logFile: string;
  /** Words before the program. */
  readonly through: readonly string[];
  /** With this exit code it is started again after a second, as whatever supervises it would. */
  readonly restartedAfter: number | null;
  /** Told when it ends otherwise though nobody ended it. */
  readonly onDeath: (message: string) => void;
};

export class Member {
  readonly name: string;
  /** The command that it is at its next start. */
  program = bin;
  readonly #options: MemberOptions;
  #child: ChildProcess | null = null;
  #isEnding = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.name = options.name;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }

  start(): void {
    if (this.#child !== null) return;
    const { through, words, env, folder, logFile, restartedAfter, onDeath } = this.#options;
    const [program = "", ...rest] = [...through, process.execPath, this.program, ...words];
    const log = openSync(logFile, "a");
    const child = spawn(program, rest, { cwd: folder, env: env(), stdio: ["ignore", log, log] });
    closeSync(log);
    this.#child = child;
    this.#isEnding = false;
    child.once("exit", (code, signal) => {
      this.#child = null;
      if (this.#isEnding) return;
      if (code !== null && code === restartedAfter) setTimeout(() => !this.#isEnding && this.start(), 1000);
      else onDeath(`${this.name} ended by itself with ${signal ?? code}:\n${this.tail()}`);
    });
  }

  /** Resolves with its exit code when it has ended; null where a signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#isEnding = true;
    const child = this.#child;
    if (child === null) return null;
    const gone = once(child, "exit");
    child.kill(signal);
    // What is frozen takes no other signal than SIGKILL.
    child.kill("SIGCONT");
    const [code] = (await gone) as [number | null];
    return code;
  }

  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** What it wrote last. */
  tail(lines = 30): string {
    return readFileSync(this.#options.logFile, "utf8").split("\n").slice(-lines).join("\n");
  }

  logged(event: string): number {
    return readFileSync(this.#options.logFile, "utf8").split(`"event":"${event}"`).length - 1;
  }

  residentMiB(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
  }

  /** Files, sockets and pipes that it holds. */
  openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Processes that it has started, by command line. */
  children(): readonly number[] {
    return readdirSync("/proc").flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ")[0]);
        return parent === this.pid && readlinkSync(`/proc/${name}/exe`) === process.execPath ? [Number(name)] : [];
      } catch {
        return []; // It has ended.
      }
    });
  }
}
