// One system in one round: its server and its process started afresh, warmed up, measured, and ended.

import { fork, type ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { memoryMiB, stop, watched } from "./processes.ts";
import type { Answer, Ask } from "./protocol.ts";
import { start, type Server } from "./servers.ts";
import type { System } from "./systems.ts";
import type { Round, Size } from "./table.ts";

const answerSeconds = 120;
/** Wider fan-outs that take longer are not waited for. */
const wideSeconds = 60;
const sampleMs = 50;

class TooLong extends Error {}

/** Memory and the widest fan-out are measured in the last round only. */
type Setting = { readonly folder: string; readonly size: Size; readonly isLast: boolean };

/** @throws Error if it ends, does not answer in time, or answers wrong */
export async function measure(system: System, { folder, size, isLast }: Setting): Promise<Round> {
  const own = folderIn(folder, `${system.program}-`);
  const state = join(own, "program");
  mkdirSync(state);
  const data = join(own, "server");
  mkdirSync(data);
  let server: Server | null = null;
  const program = watched(forkProgram(system.program), "SIGTERM");
  try {
    server = await start(system.server, data);
    const { address, adminAddress } = server;
    await answerTo(program, { kind: "open", address, adminAddress, folder: state, way: system.way });
    const width = Math.min(size.width, system.fanMax ?? size.width);
    await fan(program, width);
    const fanMs = await fan(program, width);
    const memory = isLast ? await memoryDuring([program, server.process], () => fan(program, width)) : null;
    await chain(program, size.length);
    const chainMs = await chain(program, size.length);
    const isWide = isLast && size.wide !== null && size.wide <= (system.fanMax ?? size.wide);
    const wideMs = isWide ? await fanInTime(program, size.wide) : null;
    if (wideMs !== "too long") await answerTo(program, { kind: "close" });
    return { tasksPerSecond: (width / fanMs) * 1000, stepMs: chainMs / size.length, wideMs, memory };
  } finally {
    await stop(program);
    if (server?.process) await stop(server.process);
    rmSync(own, { recursive: true, force: true });
  }
}

/** A server that runs as another user passes through it. */
export function folderIn(parent: string, prefix: string): string {
  const path = mkdtempSync(join(parent, prefix));
  chmodSync(path, 0o711);
  return path;
}

/** What it prints goes beside the table. */
function forkProgram(name: string): ChildProcess {
  return fork(join(import.meta.dirname, "programs", `${name}.ts`), { stdio: ["ignore", 2, 2, "ipc"] });
}

async function fan(program: ChildProcess, width: number, seconds = answerSeconds): Promise<number> {
  const { ms, value } = await resultOf(program, { kind: "fan", width }, seconds);
  const sum = (width * (width - 1)) / 2;
  if (value !== sum) throw new Error(`the sum of ${width} tasks is ${value}, not ${sum}`);
  return ms;
}

async function fanInTime(program: ChildProcess, width: number): Promise<number | "too long"> {
  try {
    return await fan(program, width, wideSeconds);
  } catch (error) {
    if (error instanceof TooLong) return "too long";
    throw error;
  }
}

async function chain(program: ChildProcess, length: number): Promise<number> {
  const { ms, value } = await resultOf(program, { kind: "chain", length }, answerSeconds);
  if (value !== length) throw new Error(`${value} steps have run, not ${length}`);
  return ms;
}

async function resultOf(program: ChildProcess, ask: Ask, seconds: number): Promise<Extract<Answer, { kind: "done" }>> {
  const answer = await answerTo(program, ask, seconds);
  if (answer.kind !== "done") throw new Error(`${ask.kind} was answered by ${answer.kind}`);
  return answer;
}

async function answerTo(program: ChildProcess, ask: Ask, seconds = answerSeconds): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const timer = setTimeout(() => reject(new TooLong(`${ask.kind} took more than ${seconds} s`)), seconds * 1000);
  const ended = (code: number | null): void => reject(new Error(`ended with ${code ?? "a signal"} at ${ask.kind}`));
  program.once("message", resolve);
  program.once("exit", ended);
  program.send(ask);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    program.off("message", resolve);
    program.off("exit", ended);
  }
}

/** The most that the processes had together while the work went on. */
async function memoryDuring(processes: readonly (ChildProcess | null)[], work: () => Promise<unknown>): Promise<number | null> {
  const roots = processes.flatMap((each) => each?.pid ?? []);
  let most = memoryMiB(roots);
  const sampling = setInterval(() => (most = most === null ? null : Math.max(most, memoryMiB(roots) ?? 0)), sampleMs);
  await work();
  clearInterval(sampling);
  return most;
}
