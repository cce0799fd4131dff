// Runs a job as a process, which stands for a container.
//
// P1. Its environment is the job's, nothing of ours.
// P2. It ends as a container does: when its first process has ended, so do all that came from it, whatever group they are in.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import type { Container, Exit, Launch, Runner } from "./runner.ts";

export type ProcessRunnerOptions = {
  readonly folder: string;
  /** What the image's own environment is. */
  readonly imageEnvironment: Readonly<Record<string, string>>;
};

export class ProcessRunner implements Runner {
  readonly #options: ProcessRunnerOptions;
  readonly #alive = new Set<Container>();

  constructor(options: ProcessRunnerOptions) {
    this.#options = options;
  }

  start(launch: Launch): Container {
    const home = join(this.#options.folder, `${launch.jobId.replace(":", "-")}-${launch.attempt}`);
    mkdirSync(home, { recursive: true });
    mkdirSync(dirname(launch.logFile), { recursive: true });
    const path = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`;
    const env = { PATH: path, HOME: home, TMPDIR: home, ...this.#options.imageEnvironment, ...launch.environment };
    const container = startProcess(launch, home, env);
    this.#alive.add(container);
    void this.#forget(container, home);
    return container;
  }

  async #forget(container: Container, home: string): Promise<void> {
    await container.ended;
    this.#alive.delete(container);
    rmSync(home, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    const all = [...this.#alive];
    for (const container of all) container.kill();
    await Promise.all(all.map(({ ended }) => ended));
  }
}

function startProcess(launch: Launch, cwd: string, env: Record<string, string>): Container {
  const [program, ...words] = launch.command;
  if (program === undefined) {
    const reason = "CannotStartContainerError: Error response from daemon: no command specified";
    return { ended: Promise.resolve({ kind: "notStarted", reason }), stop: () => {}, kill: () => {} };
  }
  const log = openSync(launch.logFile, "a");
  const child = spawn(program, words, { cwd, env, detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  let isOutOfMemory = false;
  const marks = [`AWS_BATCH_JOB_ID=${launch.jobId}`, `AWS_BATCH_JOB_ATTEMPT=${launch.attempt}`];
  return {
    ended: endOf(child, marks).then((exit) => (exit.kind === "exited" ? { ...exit, isOutOfMemory } : exit)),
    stop: () => void child.kill("SIGTERM"),
    kill: (why) => {
      isOutOfMemory ||= why === "outOfMemory";
      child.kill("SIGKILL");
    },
  };
}

async function endOf(child: ChildProcess, marks: readonly string[]): Promise<Exit> {
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    if (child.pid !== undefined) endLeftovers(child.pid, marks);
    return { kind: "exited", code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), isOutOfMemory: false };
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return { kind: "notStarted", reason: `CannotStartContainerError: Error response from daemon: failed to create task: ${what}` };
  }
}

/** P2: those of its group, and those that carry its marks in their environment, till there are none. */
function endLeftovers(pid: number, marks: readonly string[]): void {
  kill(-pid);
  for (;;) {
    const left = readdirSync("/proc").filter((name) => Number(name) > pid && hasMarks(name, marks));
    if (left.length === 0) return;
    for (const name of left) kill(Number(name));
  }
}

function hasMarks(pid: string, marks: readonly string[]): boolean {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    return marks.every((mark) => variables.includes(mark));
  } catch {
    return false; // It has ended, or is somebody else's.
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
