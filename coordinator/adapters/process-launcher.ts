// Launches workers as processes of this machine, which outlive the coordinator as a service's would: a folder says which they
// are, so that the next coordinator finds them.
//
// O1. A process is known by its number and the time of its start: another that has got the number is another.
// O2. The file of a job is there before `launch` answers.

import { randomUUID } from "node:crypto";
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { launchVariables, parseLaunchId, type LaunchId } from "../../proto/launch.ts";
import { arrayOf, named, nullable, number, object, root, string, type Parser } from "../../proto/parse/combinators.ts";
import type { Shape } from "../../proto/shape.ts";
import {
  failuresToldMax,
  LauncherError,
  type Ending,
  type FoundJob,
  type JobFailure,
  type JobReport,
  type LaunchAnswer,
  type Launcher,
  type LaunchRequest,
  type WorkerSize,
} from "../ports/launcher.ts";
import { writeDurably } from "./durable-file.ts";
import { startOfProcess } from "./process-identity.ts";

export type ProcessLauncherOptions = {
  /** For the jobs' files and their workers' output. */
  readonly folder: string;
  /** What a worker is, with its arguments. */
  readonly command: readonly [string, ...string[]];
  /** What each process has beside what it is told. */
  readonly environment: Readonly<Record<string, string>>;
};

type KeptProcess = { readonly pid: number; readonly start: string | null };
type KeptJob = { readonly launch: LaunchId; readonly processes: readonly KeptProcess[] };

const parseJob: Parser<KeptJob> = root(
  "job",
  object<KeptJob>({
    launch: named(parseLaunchId),
    processes: arrayOf(object<KeptProcess>({ pid: number, start: nullable(string) })),
  }),
);

/** Of one launch: a machine has only so much room. */
const countMax = 64;
/** Between the signal to stop and the end by force. Milliseconds. */
const killAfterMs = 30_000;
const jobFile = "job.json";

export class ProcessLauncher implements Launcher {
  readonly countMax = countMax;
  readonly lagMs = 0;
  readonly #options: ProcessLauncherOptions;
  /** Of the processes that this coordinator has started, by job and index. */
  readonly #exits = new Map<string, Map<number, number>>();
  readonly #stopped = new Set<string>();
  readonly #kills = new Set<NodeJS.Timeout>();

  constructor(options: ProcessLauncherOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  }

  /** Machines of one's own cost nothing, and are divided by what tasks ask for. */
  sizeOf({ cpu, memoryMiB, gpu, slots }: Shape): WorkerSize | null {
    if (gpu > 0 || cpu > availableParallelism()) return null;
    return { slots, cpu: cpu * slots, memoryMiB: memoryMiB * slots, gpu: 0, usdPerHour: 0 };
  }

  async launch({ launch, shape, count, environment }: LaunchRequest): Promise<LaunchAnswer> {
    if (this.sizeOf(shape) === null)
      return { kind: "refused", reason: `this machine has ${availableParallelism()} cores and no GPU for steps` };
    const job = randomUUID();
    const folder = join(this.#options.folder, job);
    const processes: KeptProcess[] = [];
    try {
      mkdirSync(folder, { mode: 0o700 });
      for (let index = 0; index < count; index++) processes.push(this.#spawn({ job, index, count, environment }));
      writeDurably(join(folder, jobFile), JSON.stringify({ launch, processes })); // O2
      return { kind: "launched", job };
    } catch (error) {
      for (const process of processes) signal(process, "SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      return { kind: "unavailable", reason: error instanceof Error ? error.message : String(error) };
    }
  }

  #spawn(worker: {
    readonly job: string;
    readonly index: number;
    readonly count: number;
    readonly environment: LaunchRequest["environment"];
  }): KeptProcess {
    const { command, environment, folder } = this.#options;
    const { job, index, count } = worker;
    const output = openSync(join(folder, job, `${index}.log`), "a", 0o600);
    const whose =
      count === 1 ? { [launchVariables.job]: job } : { [launchVariables.job]: `${job}:${index}`, [launchVariables.index]: String(index) };
    const child = spawn(command[0], command.slice(1), {
      env: { ...environment, ...worker.environment, ...whose },
      stdio: ["ignore", output, output],
      detached: true,
    });
    closeSync(output);
    child.unref();
    if (child.pid === undefined) throw new Error(`${command[0]} cannot be started`);
    const exits = this.#exits.get(job) ?? new Map<number, number>();
    this.#exits.set(job, exits);
    child.once("exit", (code, signalName) => exits.set(index, code ?? (signalName === "SIGKILL" ? 137 : 143)));
    child.once("error", () => exits.set(index, 127));
    return { pid: child.pid, start: startOfProcess(child.pid) };
  }

  async find(launches: readonly LaunchId[]): Promise<readonly FoundJob[]> {
    const found: FoundJob[] = [];
    for (const job of readdirSync(this.#options.folder)) {
      const kept = this.#read(job);
      if (kept === null || !launches.includes(kept.launch)) continue;
      found.push({ launch: kept.launch, job, over: kept.processes.every((process, index) => this.#exitOf(job, index, process) !== null) });
    }
    return found;
  }

  async describe(jobs: readonly string[]): Promise<readonly (JobReport | null)[]> {
    return jobs.map((job) => {
      const kept = this.#read(job);
      return kept === null ? null : this.#report(job, kept);
    });
  }

  #report(job: string, { processes }: KeptJob): JobReport {
    const exits = processes.map((process, index) => this.#exitOf(job, index, process));
    const failures = exits.flatMap((exitCode, index): JobFailure[] => {
      if (exitCode === null || exitCode === 0) return [];
      const kind = this.#stopped.has(`${job}:${index}`) ? "ended" : exitCode === 137 ? "outOfMemory" : "exit";
      const log = join(this.#options.folder, job, `${index}.log`);
      return [{ index, kind, exitCode, reason: `the process ended with ${exitCode}; its output: ${log}` }];
    });
    const running = exits.filter((exit) => exit === null).length;
    const stages = { waiting: 0, starting: 0, running, succeeded: exits.length - running - failures.length, failed: failures.length };
    return { job, stages, waitsFor: null, failures: failures.slice(0, failuresToldMax), link: null };
  }

  async end(what: readonly Ending[]): Promise<void> {
    for (const { job, indexes } of what)
      for (const [index, process] of (this.#read(job)?.processes ?? []).entries()) {
        if ((indexes !== null && !indexes.includes(index)) || this.#exitOf(job, index, process) !== null) continue;
        this.#stopped.add(`${job}:${index}`);
        signal(process, "SIGTERM");
        const kill = setTimeout(() => {
          this.#kills.delete(kill);
          signal(process, "SIGKILL");
        }, killAfterMs);
        this.#kills.add(kill.unref());
      }
  }

  async close(): Promise<void> {
    for (const kill of this.#kills) clearTimeout(kill);
    this.#kills.clear();
  }

  /** Null while it runs; 0 where nobody saw how it ended. */
  #exitOf(job: string, index: number, process: KeptProcess): number | null {
    const exit = this.#exits.get(job)?.get(index);
    if (exit !== undefined) return exit;
    return isThere(process) ? null : 0;
  }

  #read(job: string): KeptJob | null {
    try {
      return parseJob(JSON.parse(readFileSync(join(this.#options.folder, job, jobFile), "utf8")));
    } catch (error) {
      if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return null;
      throw new LauncherError("unavailable", `what is kept of the job ${job} cannot be read: ${String(error)}`, { cause: error });
    }
  }
}

/** O1 */
function isThere({ pid, start }: KeptProcess): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return startOfProcess(pid) === start;
}

/** With all that it has started. */
function signal(kept: KeptProcess, name: "SIGTERM" | "SIGKILL"): void {
  if (!isThere(kept)) return;
  try {
    process.kill(name === "SIGKILL" ? -kept.pid : kept.pid, name);
  } catch {
    // It has ended in between.
  }
}
