// `stepwell up`: a whole cluster on this machine, in the foreground or in the background, and what to type to use it.

import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { serveUntilStopped } from "../cluster/daemon.ts";
import { readServed, type Served } from "../cluster/data-folder.ts";
import { lastLines } from "../cluster/last-lines.ts";
import { Machine } from "../cluster/machine.ts";
import { isAlive, readUpRecord, type UpRecord } from "../cluster/up-record.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";
import { openLog } from "../log.ts";
import { joinLines } from "../render/up-lines.ts";

const workersDefault = 2;
/** How long a cluster in the background may take to begin. Milliseconds. */
const beginMsMax = 90_000;
const lookMs = 100;
/** For the coordinator and nats-server, after the workers. Seconds. */
const furtherSeconds = 20;

export async function up(context: Context): Promise<ExitCode> {
  const { settings, options, env } = context;
  const before = readUpRecord(settings.data);
  if (before !== null && isAlive(before.up)) {
    throw new CliError("conflict", `a cluster is up already in ${settings.data}, by process ${before.up.pid}`, {
      hint: "end it with `stepwell down`, or give this one a folder and addresses of its own: --data, --listen, --http",
    });
  }
  if (options.flag("detach")) return startInBackground(context);
  const workers = options.integer("workers") ?? workersDefault;
  const slots = context.origins.slots === "default" ? Math.max(1, Math.floor(settings.slots / workers)) : settings.slots;
  const machine = new Machine({
    settings,
    env,
    workers,
    slots,
    command: thisCommand(),
    withNats: !options.flag("no-nats"),
    tell: (text) => printNote(context, text),
  });
  try {
    const { served, nats } = await machine.start();
    show(context, served, { nats, workers, slots });
    const drainSeconds = settings.drainSeconds + furtherSeconds;
    const log = openLog(settings.logLevel);
    return await serveUntilStopped(
      {
        drain: () => {
          printNote(context, "ending the cluster: workers first; once more ends it at once");
          return machine.stop();
        },
        stop: () => Promise.resolve(),
      },
      { drainSeconds, timeoutMs: context.timeoutMs, log },
    );
  } finally {
    machine.kill();
  }
}

/** This program, as its processes are started. */
function thisCommand(): readonly [string, ...string[]] {
  return [process.execPath, process.argv[1] ?? ""];
}

async function startInBackground(context: Context): Promise<ExitCode> {
  const { data } = context.settings;
  mkdirSync(join(data, "log"), { recursive: true, mode: 0o700 });
  const logFile = join(data, "log", "up.log");
  const output = openSync(logFile, "w", 0o600);
  const [command, ...args] = [...thisCommand(), ...process.argv.slice(2).filter((word) => word !== "-d" && word !== "--detach")];
  const child = spawn(command, args, { cwd: context.cwd, stdio: ["ignore", output, output], detached: true });
  closeSync(output);
  let ended = false;
  child.once("exit", () => (ended = true));
  child.once("error", () => (ended = true));
  const record = await readyRecord(data, { pid: child.pid ?? 0, ended: () => ended });
  const served = readServed(data);
  if (record === null || served === null) {
    if (!ended) child.kill("SIGTERM");
    throw new CliError("unavailable", "the cluster did not begin", { lines: lastLines(logFile), hint: `see ${logFile}` });
  }
  child.unref();
  show(context, served, null);
  printNote(context, "it runs in the background; end it: stepwell down");
  return exitCodes.ok;
}

async function readyRecord(data: string, child: { readonly pid: number; readonly ended: () => boolean }): Promise<UpRecord | null> {
  for (const endMs = performance.now() + beginMsMax; performance.now() < endMs && !child.ended(); await after(lookMs)) {
    const record = readUpRecord(data);
    if (record?.up.pid === child.pid && record.ready) return record;
  }
  return null;
}

type Parts = { readonly nats: string; readonly workers: number; readonly slots: number };

/** `parts` null: it began elsewhere. */
function show(context: Context, served: Served, parts: Parts | null): void {
  const { data } = context.settings;
  if (wantsJson(context)) printDocument(context, { ...served, data, ...parts });
  else printLines(context, joinLines(served, { data, parts, paint: context.terminal.out.paint }));
}
