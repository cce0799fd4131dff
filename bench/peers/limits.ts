// What the machine can do alone: the least that a task or a step of any system costs, measured in the same rounds.

import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "../figure.ts";
import { stop, watched } from "./processes.ts";

export type Limits = {
  /** 4 KiB appended and synced, one after the other. */
  readonly syncMs: number;
  /** `node -e 0` from start to exit, one after the other, and on all cores. */
  readonly freshMs: number;
  readonly freshPerSecond: number;
  /** A message to a process that is there, and back: one process, and one on each core. */
  readonly keptMs: number;
  readonly keptPerSecond: number;
  /** A message over loopback TCP and back: one, and many at the same time. */
  readonly socketMs: number;
  readonly socketPerSecond: number;
};

type Counts = { readonly messages: number; readonly syncs: number; readonly processes: number };

const many: Counts = { messages: 5000, syncs: 200, processes: 40 };
const few: Counts = { messages: 100, syncs: 5, processes: 4 };
const messageBytes = 256;
const atTheSameTime = 100;

if (process.argv[2] === "echo") process.on("message", (message) => process.send?.(message));
if (process.argv[2] === "echo-server") serveEcho();

export async function measureLimits(folder: string, quick: boolean): Promise<Limits> {
  const counts = quick ? few : many;
  const kept = await measureKept(counts);
  const socket = await measureSocket(counts);
  const fresh = await measureFresh(counts);
  return { syncMs: measureSync(folder, counts), ...fresh, ...kept, ...socket };
}

function measureSync(folder: string, { syncs }: Counts): number {
  const path = join(folder, "appended");
  const file = openSync(path, "a");
  const bytes = Buffer.alloc(4096, 1);
  const took: number[] = [];
  for (let index = 0; index < syncs; index += 1) {
    const startMs = performance.now();
    writeSync(file, bytes);
    fdatasyncSync(file);
    took.push(performance.now() - startMs);
  }
  closeSync(file);
  rmSync(path);
  return median(took);
}

async function measureFresh({ processes }: Counts): Promise<Pick<Limits, "freshMs" | "freshPerSecond">> {
  const one = (): Promise<unknown> => once(watched(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "SIGTERM"), "exit");
  const freshMs = (await elapsedMs(processes, 1, one)) / processes;
  return { freshMs, freshPerSecond: (processes / (await elapsedMs(processes, availableParallelism(), one))) * 1000 };
}

async function measureKept({ messages }: Counts): Promise<Pick<Limits, "keptMs" | "keptPerSecond">> {
  const children = Array.from({ length: availableParallelism() }, () => watched(fork(fileURLToPath(import.meta.url), ["echo"]), "SIGTERM"));
  const exchange = (each: number) => async (): Promise<void> => {
    const child = children[each % children.length];
    child?.send("x".repeat(messageBytes));
    await once(child ?? process, "message");
  };
  for (const [index] of children.entries()) await exchange(index)();
  const keptMs = (await elapsedMs(messages, 1, exchange(0))) / messages;
  const together = await Promise.all(children.map((_, index) => elapsedMs(messages, 1, exchange(index))));
  for (const child of children) await stop(child);
  return { keptMs, keptPerSecond: ((messages * children.length) / Math.max(...together)) * 1000 };
}

async function measureSocket({ messages }: Counts): Promise<Pick<Limits, "socketMs" | "socketPerSecond">> {
  const child = watched(fork(fileURLToPath(import.meta.url), ["echo-server"]), "SIGTERM");
  const [port] = (await once(child, "message")) as [number];
  const socket = connect(port, "127.0.0.1").setNoDelay();
  await once(socket, "connect");
  await exchangeOver(socket, { messages: 100, width: 1 });
  const socketMs = (await exchangeOver(socket, { messages, width: 1 })) / messages;
  const socketPerSecond = (messages / (await exchangeOver(socket, { messages, width: atTheSameTime }))) * 1000;
  socket.destroy();
  await stop(child);
  return { socketMs, socketPerSecond };
}

/** Milliseconds for messages of which `width` are under way at a time. */
async function exchangeOver(socket: Socket, { messages, width }: { readonly messages: number; readonly width: number }): Promise<number> {
  const startMs = performance.now();
  const message = Buffer.alloc(messageBytes);
  let sent = 0;
  let receivedBytes = 0;
  await new Promise<void>((resolve) => {
    const send = (): void => {
      for (; sent < messages && sent - Math.floor(receivedBytes / messageBytes) < width; sent += 1) socket.write(message);
    };
    const receive = (chunk: Buffer): void => {
      receivedBytes += chunk.length;
      send();
      if (receivedBytes < messages * messageBytes) return;
      socket.off("data", receive);
      resolve();
    };
    socket.on("data", receive);
    send();
  });
  return performance.now() - startMs;
}

function serveEcho(): void {
  const server = createServer((socket) => socket.setNoDelay().pipe(socket));
  server.listen(0, "127.0.0.1", () => {
    const bound = server.address();
    if (bound !== null && typeof bound !== "string") process.send?.(bound.port);
  });
  process.once("disconnect", () => process.exit());
}

/** Milliseconds for `count` calls, of which `width` are under way at a time. */
async function elapsedMs(count: number, width: number, call: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  let left = count;
  const loop = async (): Promise<void> => {
    for (; left > 0;) {
      left -= 1;
      await call();
    }
  };
  await Promise.all(Array.from({ length: width }, loop));
  return performance.now() - startMs;
}
