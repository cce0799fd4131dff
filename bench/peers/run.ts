// Measures Stepwell beside other systems on this machine: in turns, each in a process of its own with a server of its own,
// beside what the machine can do alone. Prints the table and keeps it in bench/README.md.
// `--quick`: once, at a small size, keeps nothing; only results must be right. Words choose programs: `bullmq stepwell`.

import { fork, type ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { quick } from "../figure.ts";
import { measureLimits, type Limits } from "./limits.ts";
import { complete, memoryMiB, stop, watched } from "./processes.ts";
import type { Answer, Ask } from "./protocol.ts";
import { missing, start, type Server } from "./servers.ts";
import { systems, type System } from "./systems.ts";
import { keepTable, tableOf, type Measured, type Round } from "./table.ts";

const rounds = quick ? 1 : 3;
const size = quick ? { width: 100, length: 20, wide: null } : { width: 1000, length: 200, wide: 10_000 };
const answerSeconds = 120;
/** Wider fan-outs that take longer are not waited for. */
const wideSeconds = 60;
const sampleMs = 50;
/** Above half a core, others were at work too, and times are worth little. */
const loadBefore = loadavg()[0] ?? 0;

const asked = process.argv.slice(2).filter((word) => !word.startsWith("-"));
/** On the disk of the checkout: /tmp may be memory. */
const folder = folderIn(join(import.meta.dirname, ".."), ".peers-");
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const say = (line: string): boolean => process.stderr.write(`${line}\n`);
say("installing the systems");
await complete("npm", ["ci"], { cwd: import.meta.dirname });
await complete(process.execPath, [join(import.meta.dirname, "../../node_modules/typescript/bin/tsc"), "-p", import.meta.dirname]);

const broken: string[] = [];
const limits: Limits[] = [];
const measured = await choose();
for (let round = 0; round < rounds; round += 1) {
  limits.push(await measureLimits(folder, quick));
  for (const { system, rounds: done } of measured) {
    say(`round ${round + 1} of ${rounds}: ${system.name}, ${system.durability}`);
    try {
      done.push(await measure(system, round === rounds - 1));
    } catch (error) {
      broken.push(`${system.name}, ${system.durability}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
const lines = tableOf({ measured, limits, size });
console.log(lines.join("\n"));
if (!quick && asked.length === 0 && broken.length === 0) keepTable(lines, loadBefore);
for (const each of broken) console.error(`broken: ${each}`);
if (broken.length > 0) process.exitCode = 1;

/** Those that can be had here; the others are named. */
async function choose(): Promise<readonly (Measured & { readonly rounds: Round[] })[]> {
  const { dependencies } = JSON.parse(readFileSync(join(import.meta.dirname, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const own = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as { readonly version: string };
  const chosen = [];
  for (const system of systems) {
    if (asked.length > 0 && !asked.includes(system.program)) continue;
    const without = await missing(system.server);
    const version = system.package === null ? own.version : (dependencies[system.package] ?? "");
    if (without === null) chosen.push({ system, version, rounds: [] });
    else say(`skipped: ${system.name}: ${without}`);
  }
  return chosen;
}

/** @throws Error if it ends, does not answer in time, or answers wrong */
async function measure(system: System, isLast: boolean): Promise<Round> {
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
    await chain(program);
    const chainMs = await chain(program);
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
function folderIn(parent: string, prefix: string): string {
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

async function chain(program: ChildProcess): Promise<number> {
  const { ms, value } = await resultOf(program, { kind: "chain", length: size.length }, answerSeconds);
  if (value !== size.length) throw new Error(`${value} steps have run, not ${size.length}`);
  return ms;
}

async function resultOf(program: ChildProcess, ask: Ask, seconds: number): Promise<Extract<Answer, { kind: "done" }>> {
  const answer = await answerTo(program, ask, seconds);
  if (answer.kind !== "done") throw new Error(`${ask.kind} was answered by ${answer.kind}`);
  return answer;
}

class TooLong extends Error {}

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
