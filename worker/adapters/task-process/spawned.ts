// Task processes as processes of this machine: starts them, talks to them, and leaves nothing behind.
//
// X1. `onEnd` comes once, after all output and after everything that the step started has been killed.
// X2. A report is handed on only when all output that was written before it has been.

import { spawn, type ChildProcess } from "node:child_process";
import { rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Failure } from "../../../proto/failure.ts";
import type { Death } from "../../core/death.ts";
import type { MemoryExcess } from "../../core/memory.ts";
import { parameterVariables } from "../../../proto/secret.ts";
import { parseSha256 } from "../../../proto/ids.ts";
import { FileArtifactStore } from "../../../sdk/artifact/file-store.ts";
import type { ProcessStart, ProcessUse, Report, TaskProcess, TaskProcessEvents, TaskProcesses } from "../../ports/task-process.ts";
import { BlobPort } from "./blob-port.ts";
import {
  abortFrame,
  blobAskFrame,
  codeReturnedFrame,
  encodeFrame,
  FrameReader,
  orderFrame,
  packageFrame,
  progressFrame,
  readyFrame,
  reportFrame,
  secretsFrame,
} from "./frames.ts";
import { killLeftovers, killQuietly, leftoversOf, markerVariable } from "./leftovers.ts";
import { MemoryGroups, type MemoryGroup } from "./memory-group.ts";
import { MemoryLimit } from "./memory-limit.ts";
import { Reaper } from "./reaper.ts";

/**
 * `cached`: the folder is the worker's cache, and what is missing there is asked of the worker. `cachedWhole`: and everything
 * is to be in the store behind it, also what rides inline.
 */
export type TaskStorage = {
  readonly root: string;
  readonly access: "files" | "cached" | "cachedWhole";
  /** Variables of the worker's environment that are not for step code, beside its token. */
  readonly hidden: readonly string[];
  /** Where step code keeps data of its own, as the coordinator says. */
  readonly dataRoot?: string | null;
};

export type SpawnOptions = {
  /** Unique among all workers of the machine; letters, digits and dashes. */
  readonly marker: string;
  /** Where the artifacts are that processes read and write. Looked up when one starts. */
  readonly storage: () => TaskStorage;
  /** Folder in which each process gets a temporary folder of its own. Removed by `close`, and when the worker is killed. */
  readonly tempRoot: string;
  /** The program that a process runs; those beside this file by default. */
  readonly program?: string;
};

/** What lets the worker in at its coordinator. */
const tokenVariable = "STEPWELL_TOKEN";
/** What the coordinator says is the same for all tasks of a run, so that it counts for more than what a machine has. */
const dataRootVariable = "STEPWELL_DATA_ROOT";
/** How much of a process's last words is kept to explain its end. Characters. */
const stderrTailMax = 4096;
/** How long the pipes of a dead process may stay open before they are given up. Milliseconds. */
const pipesOpenMsMax = 1000;
/** Flags of the worker's own Node that are for step code too. Others are not: two processes can't share a debugger's port or a test's reporter. */
const sharedFlags = /^--(max-[a-z-]+=|stack-size=|expose-gc$|no-warnings$|disable-warning=|use-[a-z]+-ca$|experimental-strip-types$)/;

export class SpawnedTaskProcesses implements TaskProcesses {
  readonly #options: SpawnOptions;
  readonly #reaper: Reaper;
  readonly #groups: MemoryGroups;
  readonly #alive = new Set<Spawned>();
  readonly #programs: Readonly<Record<ProcessUse, string>>;
  /** Read, and verified, for the last process that runs one task: it need not load what that takes. */
  #package: { readonly sha256: string; readonly bytes: Uint8Array } | null = null;
  #count = 0;

  constructor(options: SpawnOptions) {
    this.#options = options;
    this.#programs = options.program === undefined ? ownPrograms() : { once: options.program, warm: options.program };
    this.#reaper = new Reaper(`${options.marker}\\.`, options.tempRoot);
    this.#groups = new MemoryGroups(options.marker, (folder) => this.#reaper.removeGroups(folder));
  }

  start({ environment, use }: ProcessStart, events: TaskProcessEvents): TaskProcess {
    this.#count += 1;
    const marker = `${this.#options.marker}.${this.#count}`;
    const tempDir = `${this.#options.tempRoot}/${marker}`;
    let child: ChildProcess;
    try {
      child = this.#spawn(use, { ...this.#ownEnvironment(), ...environment, [markerVariable]: marker }, tempDir);
    } catch (error) {
      return neverStarted(error, events);
    }
    // A process that has not run a step yet ends by itself when its worker is gone.
    const watched = (): void => (child.pid === undefined ? undefined : this.#reaper.watch(child.pid));
    const packageOf = (sha256: string): Uint8Array | null => (use === "once" ? this.#readPackage(sha256) : null);
    const name = String(this.#count);
    const enterGroup = (): MemoryGroup | null => (child.pid === undefined ? null : this.#groups.enter(name, child.pid));
    const spawned = new Spawned(child, { marker, tempDir, watched, packageOf, enterGroup }, events);
    void this.#whenEnded(spawned);
    this.#alive.add(spawned);
    this.#reaper.begin();
    return spawned;
  }

  /** From now on the folder goes with this worker, also when it is killed before its first task. */
  guardFolder(): void {
    this.#reaper.begin();
  }

  #ownEnvironment(): NodeJS.ProcessEnv {
    const own = { ...process.env };
    const parameters = Object.keys(own).filter((name) => name.startsWith(parameterVariables));
    const { hidden, dataRoot = null } = this.#options.storage();
    for (const name of [tokenVariable, ...parameters, ...hidden]) delete own[name];
    return dataRoot === null ? own : { ...own, [dataRootVariable]: dataRoot };
  }

  #readPackage(sha256: string): Uint8Array | null {
    try {
      if (this.#package?.sha256 !== sha256) {
        const store = new FileArtifactStore(this.#options.storage().root);
        this.#package = { sha256, bytes: store.getSync(parseSha256(sha256)) };
      }
      return this.#package.bytes;
    } catch {
      return null; // The process says why, when it finds the same.
    }
  }

  #spawn(use: ProcessUse, env: NodeJS.ProcessEnv, tempDir: string): ChildProcess {
    const flags = process.execArgv.filter((flag) => sharedFlags.test(flag));
    const { root, access } = this.#options.storage();
    const words = [root, tempDir, use, access, `${this.#options.tempRoot}/program.compiled`];
    return spawn(process.execPath, [...flags, this.#programs[use], ...words], {
      // A session and a group of its own: a signal from a terminal doesn't reach it, and one kill reaches its children.
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "pipe", ...(access === "files" ? [] : (["pipe"] as const))],
      env,
    });
  }

  async #whenEnded(spawned: Spawned): Promise<void> {
    const death = await spawned.ended;
    if (spawned.pid !== null) this.#reaper.release(spawned.pid);
    this.#alive.delete(spawned);
    spawned.events.onEnd(death);
  }

  /** Kills everything that runs, now. */
  kill(): void {
    for (const spawned of this.#alive) spawned.signal("SIGKILL");
  }

  async close(): Promise<void> {
    const ends = [...this.#alive].map((spawned) => spawned.ended);
    this.kill();
    await Promise.all(ends);
    await Promise.all([rm(this.#options.tempRoot, { recursive: true, force: true }), this.#groups.close()]);
    await this.#reaper.close();
  }
}

type Identity = {
  readonly marker: string;
  readonly tempDir: string;
  readonly watched: () => void;
  readonly packageOf: (sha256: string) => Uint8Array | null;
  readonly enterGroup: () => MemoryGroup | null;
};

class Spawned implements TaskProcess {
  readonly pid: number | null;
  readonly ended: Promise<Death>;
  readonly events: TaskProcessEvents;
  readonly #child: ChildProcess;
  readonly #identity: Identity;
  readonly #socket: Socket | null;
  readonly #blobs: BlobPort;
  readonly #memory: MemoryLimit;
  /** What waits to be sent; null where nothing holds it up. */
  #held: Uint8Array[] | null = null;
  #stderrTail = "";
  #ready = false;
  #hasRun = false;
  #spawnError: string | null = null;
  #mayHaveChildren = false;
  #endedCleanly = true;

  constructor(child: ChildProcess, identity: Identity, events: TaskProcessEvents) {
    this.#child = child;
    this.#identity = identity;
    this.events = events;
    this.pid = child.pid ?? null;
    this.#memory = new MemoryLimit(child.pid ?? null, identity.enterGroup);
    this.#socket = socketOf(child);
    this.#blobs = new BlobPort(child, () => events.blobs());
    const reader = new FrameReader((kind, body) => this.#receive(kind, body));
    this.#socket?.on("data", (chunk: Buffer) => reader.push(chunk));
    this.#socket?.on("error", () => undefined);
    child.stdout?.on("data", (chunk: Buffer) => events.onOutput("stdout", chunk));
    child.stderr?.on("data", (chunk: Buffer) => this.#stderr(chunk));
    child.on("error", (error) => {
      this.#spawnError = error.message;
    });
    this.ended = this.#whenEnded();
  }

  run(order: Uint8Array, { codePackage, memoryMiB }: Parameters<TaskProcess["run"]>[1]): void {
    const limited = this.#memory.begin(memoryMiB);
    if (limited !== null) void this.#hold(limited);
    this.#endedCleanly = false;
    const bytes = this.#identity.packageOf(codePackage);
    if (bytes !== null) this.#send(encodeFrame(packageFrame, bytes));
    this.#send(encodeFrame(orderFrame, order));
    if (!this.#hasRun) this.#identity.watched();
    this.#hasRun = true;
  }

  abort(failure: Failure, settleMs: number): void {
    this.#send(encodeFrame(abortFrame, Buffer.from(JSON.stringify({ failure, settleMs }))));
  }

  /** Keeps back what is to be sent until its memory is limited: what a step starts before would be without a limit. */
  async #hold(limited: Promise<void>): Promise<void> {
    const held: Uint8Array[] = (this.#held = []);
    await limited;
    this.#held = null;
    for (const frame of held) this.#send(frame);
  }

  #send(frame: Uint8Array): void {
    if (this.#held === null) this.#socket?.write(frame);
    else this.#held.push(frame);
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.pid === null || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    // Children that left the group are found by descent, which ends with the process itself.
    if (signal === "SIGKILL" && (this.#mayHaveChildren || !this.#endedCleanly)) killLeftovers(this.pid, this.#identity.marker);
    killQuietly(-this.pid, signal);
  }

  hasChildren(): boolean {
    return this.pid !== null && leftoversOf(this.pid, this.#identity.marker).length > 0;
  }

  samplePeakMiB(): number {
    return this.#memory.samplePeakMiB();
  }

  get isToBeWatched(): boolean {
    return this.#memory.isToBeWatched;
  }

  excess(): MemoryExcess | null {
    return this.#memory.excess();
  }

  #receive(kind: number, body: Buffer): void {
    if (kind === readyFrame) {
      this.#ready = true;
      this.events.onReady();
    } else if (kind === codeReturnedFrame) {
      this.events.onCodeReturned();
    } else if (kind === secretsFrame) {
      // Its own program has written it.
      this.events.onSecrets(JSON.parse(body.toString("utf8")) as readonly string[]);
    } else if (kind === progressFrame) {
      this.events.onProgress(body.toString("utf8"));
    } else if (kind === blobAskFrame) {
      void this.#blobs.reply(body).then((reply) => reply !== null && this.#socket?.write(reply));
    } else if (kind === reportFrame) {
      const report = parseReport(body);
      this.#mayHaveChildren ||= report.mayHaveChildren;
      this.#endedCleanly = true;
      // The process writes output synchronously and the report last; one whole turn of the event loop reads what is there. (X2)
      setImmediate(() => setImmediate(() => this.events.onReport(report)));
    }
  }

  #stderr(chunk: Buffer): void {
    this.#stderrTail = (this.#stderrTail + chunk.toString("utf8", Math.max(0, chunk.length - stderrTailMax))).slice(-stderrTailMax);
    this.events.onOutput("stderr", chunk);
  }

  async #whenEnded(): Promise<Death> {
    const { code, signal } = await exitOf(this.#child);
    if (this.pid !== null) this.#killGroup(this.pid);
    await closed(this.#child);
    const { peakMiB, byKernel, excess } = this.#memory.afterDeath();
    await this.#memory.close();
    await rm(this.#identity.tempDir, { recursive: true, force: true });
    return {
      code,
      signal,
      wasReady: this.#ready,
      spawnError: this.#spawnError,
      stderrTail: this.#stderrTail,
      kernelOutOfMemory: byKernel,
      excess,
      peakMiB,
    };
  }

  /** The leader is gone; its group and whatever carries its marker must not outlive it. */
  #killGroup(pid: number): void {
    killQuietly(-pid);
    if (this.#mayHaveChildren || !this.#endedCleanly) killLeftovers(pid, this.#identity.marker);
  }
}

/** What is built is one file for the whole program, and one that loads it faster: see scripts/bundle-task-program.ts. */
function ownPrograms(): Readonly<Record<ProcessUse, string>> {
  const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  if (import.meta.url.endsWith(".ts")) return { once: beside("./main.ts"), warm: beside("./main.ts") };
  return { once: beside("./launch.cjs"), warm: beside("./program.cjs") };
}

/** What cannot even be tried, such as a variable that no environment can hold. */
function neverStarted(error: unknown, events: TaskProcessEvents): TaskProcess {
  const spawnError = error instanceof Error ? error.message : String(error);
  const death = {
    code: null,
    signal: null,
    wasReady: false,
    spawnError,
    stderrTail: "",
    kernelOutOfMemory: false,
    excess: null,
    peakMiB: 0,
  };
  setImmediate(() => events.onEnd(death));
  const nothing = (): void => undefined;
  return {
    pid: null,
    run: nothing,
    abort: nothing,
    signal: nothing,
    hasChildren: () => false,
    samplePeakMiB: () => 0,
    isToBeWatched: false,
    excess: () => null,
  };
}

function socketOf(child: ChildProcess): Socket | null {
  // There are no streams at all where there were no descriptors left for them.
  const streams: readonly unknown[] | undefined = child.stdio;
  return (streams?.[3] ?? null) as Socket | null;
}

function exitOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    // A process that was never started has no exit.
    child.once("error", () => {
      if (child.pid === undefined) resolve({ code: null, signal: null });
    });
  });
}

/** Resolves when all pipes are at their end. Killed leftovers no longer hold them open; one that could not be found doesn't hold up the worker. */
async function closed(child: ChildProcess): Promise<void> {
  const streams = [child.stdout ?? null, child.stderr ?? null, socketOf(child)].filter((stream) => stream !== null);
  const giveUp = setTimeout(() => streams.forEach((stream) => stream.destroy()), pipesOpenMsMax);
  const open = streams.filter((stream) => !stream.closed);
  await Promise.all(open.map((stream) => new Promise((resolve) => stream.once("close", resolve))));
  clearTimeout(giveUp);
  await twoTurns(); // A report that had arrived is handed on first. (X1)
}

/** What was readable when this is called has been read when it resolves. */
async function twoTurns(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

function parseReport(body: Buffer): Report {
  const reasonEnd = 4 + body.readUInt16BE(2);
  return {
    succeeded: body[0] === 1,
    mayHaveChildren: body[1] === 1,
    spoiled: reasonEnd === 4 ? null : body.toString("utf8", 4, reasonEnd),
    outcome: Uint8Array.prototype.slice.call(body, reasonEnd),
  };
}
