// `stepwell down`: ends the cluster that `stepwell up` has started, in order, and whatever is left of one that was killed.

import { setTimeout as after } from "node:timers/promises";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import type { ProcessMark } from "../cluster/supervised.ts";
import { isAlive, readUpRecord, removeUpRecord } from "../cluster/up-record.ts";
import { printDocument, printLines, printNote, wantsJson, type Context } from "../context.ts";

const lookMs = 100;
/** Beyond the time for draining. Milliseconds. */
const overtimeMs = 30_000;

export async function down(context: Context): Promise<ExitCode> {
  const { data, drainSeconds } = context.settings;
  const record = readUpRecord(data);
  const alive = record === null ? [] : [record.up, ...record.kept].filter(isAlive);
  if (record === null || alive.length === 0) {
    removeUpRecord(data);
    throw new CliError("notFound", `no cluster is up in ${data}`, {
      hint: "stepwell down --data DIR names the folder that `up` was given",
    });
  }
  const withinMs = drainSeconds * 1000 + overtimeMs;
  // Whoever keeps the others alive ends them in order; where it is gone, they are ended one after the other.
  const orderly = isAlive(record.up) ? [record.up] : record.kept;
  for (const one of orderly) await end(one, withinMs);
  for (const one of record.kept) await end(one, overtimeMs);
  removeUpRecord(data);
  if (wantsJson(context)) printDocument(context, { data, ended: alive.map(({ name, pid }) => ({ name, pid })) });
  else printLines(context, [`ended: ${alive.map(({ name }) => name).join(", ")}`]);
  printNote(context, `its runs are kept in ${data}`);
  return exitCodes.ok;
}

/** SIGTERM, and SIGKILL when that has not helped in time. */
async function end(one: ProcessMark, withinMs: number): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (!isAlive(one)) return;
    process.kill(one.pid, signal);
    for (const endMs = performance.now() + withinMs; isAlive(one) && performance.now() < endMs;) await after(lookMs);
  }
}
