// Processes that this measurement starts: what they are ready by, what memory they take, and that none of them stays.

import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

const readySeconds = 30;
const endSeconds = 10;
const running = new Map<ChildProcess, NodeJS.Signals>();
let interrupted = false;

// After an error of this program's own; all of them end at once by this signal, also when their folder has gone.
process.once("exit", () => {
  for (const child of running.keys()) child.kill("SIGQUIT");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void endAll());

/** Waits for them, as a server writes until it has ended. */
async function endAll(): Promise<void> {
  interrupted = true;
  await Promise.all([...running.keys()].map(stop));
  process.exit(1);
}

/** It is ended by `signal` when it is stopped. */
export function watched<Child extends ChildProcess>(child: Child, signal: NodeJS.Signals): Child {
  running.set(child, signal);
  child.once("exit", () => running.delete(child));
  if (interrupted) child.kill("SIGKILL");
  return child;
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), endSeconds * 1000);
  child.kill(running.get(child) ?? "SIGTERM");
  await ended;
  clearTimeout(timer);
}

type Server = {
  readonly command: string;
  readonly args: readonly string[];
  /** What it prints when it takes connections. */
  readonly ready: RegExp;
  readonly signal: NodeJS.Signals;
  readonly options?: SpawnOptions;
  readonly input?: string;
};

/** @throws Error with what it printed, unless it is ready in time */
export async function startServer({ command, args, ready, signal, options, input }: Server): Promise<ChildProcess> {
  const child = watched(spawn(command, args, { ...options, stdio: ["pipe", "pipe", "pipe"] }), signal);
  child.stdin.end(input);
  let text = "";
  const isReady = new Promise<void>((resolve, reject) => {
    const failed = (why: string): void => reject(new Error(`${command} ${why}:\n${text}`));
    const timer = setTimeout(() => failed(`was not ready in ${readySeconds} s`), readySeconds * 1000);
    const read = (chunk: Buffer): void => {
      // Read on when it is ready, so that it never waits for room in the pipe.
      if (text.length < 100_000) text += chunk.toString();
      if (!ready.test(text)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("error", (error) => failed(error.message));
    child.once("exit", (code) => {
      clearTimeout(timer);
      failed(`ended with ${code}`);
    });
  });
  try {
    await isReady;
  } catch (error) {
    await stop(child);
    throw error;
  }
  return child;
}

/** Runs it to its end. @throws Error with what it printed, unless it ends well */
export async function complete(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<string> {
  const child = watched(spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] }), "SIGTERM");
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${text}`);
  return text;
}

/** Memory of these processes and all that they started, shared pages counted once; null where the system doesn't tell. */
export function memoryMiB(roots: readonly number[]): number | null {
  if (process.platform !== "linux") return null;
  const children = Map.groupBy(allProcesses(), ({ parent }) => parent);
  const tree = [...roots];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []).map((child) => child.pid));
  return tree.reduce((total, pid) => total + (Number(/^Pss: +(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1]) || 0) / 1024, 0);
}

function allProcesses(): readonly { readonly pid: number; readonly parent: number }[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => ({ pid: Number(pid), parent: Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]) }));
}

/** Empty if the process has just ended. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
