// The table of systems in Markdown, and its place in bench/README.md.

import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { median } from "../figure.ts";
import type { Limits } from "./limits.ts";
import type { ChainLimit, FanLimit, System } from "./systems.ts";

export type Round = {
  readonly tasksPerSecond: number;
  readonly stepMs: number;
  /** Null where it was not measured. */
  readonly wideMs: number | "too long" | null;
  /** MiB; null where it was not measured. */
  readonly memory: number | null;
};

export type Measured = { readonly system: System; readonly version: string; readonly rounds: readonly Round[] };

/** `wide` is that of the fan-out that is measured once. */
export type Size = { readonly width: number; readonly length: number; readonly wide: number | null };

/** Above half a core, others were at work too. */
const quietLoad = 0.5;
const readme = join(import.meta.dirname, "../README.md");
const markers = ["<!-- peers -->", "<!-- end of peers -->"] as const;

export function tableOf(of: {
  readonly measured: readonly Measured[];
  readonly limits: readonly Limits[];
  readonly size: Size;
  /** Why each of them is not in the table. */
  readonly skipped: readonly string[];
}): readonly string[] {
  const { measured, size, skipped } = of;
  const limits = medianOf(of.limits);
  const head = [
    "system",
    "kept where, and how safe",
    "processes for tasks",
    "results kept",
    `fan-out of ${shown(size.width)}, tasks/s`,
    "of the limit",
    `chain of ${shown(size.length)}, ms a step`,
    "limit, ms",
    ...(size.wide === null ? [] : [`fan-out of ${shown(size.wide)}, tasks/s`]),
    "memory, MiB",
  ];
  const rows = measured.filter(({ rounds }) => rounds.length > 0).map((each) => rowOf(each, limits, size));
  const alignment = head.map((_, index) => (index < 4 ? "---" : "--:"));
  const table = [head, alignment, ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  const notes = skipped.flatMap((each) => ["", `Not measured here: ${each}.`]);
  return [...table, ...notes, "", ...limitLines(limits)];
}

function rowOf({ system, version, rounds }: Measured, limits: Limits, size: Size): readonly string[] {
  const rate = median(rounds.map(({ tasksPerSecond }) => tasksPerSecond));
  const limit = fanLimitOf(system.fanLimit, limits);
  const narrower = system.fanMax !== undefined && system.fanMax < size.width ? `, ${system.fanMax} wide` : "";
  const wide = rounds.find(({ wideMs }) => wideMs !== null)?.wideMs ?? null;
  const memory = rounds.find(({ memory }) => memory !== null)?.memory ?? null;
  return [
    `${system.name} ${version}`,
    system.durability,
    system.processes,
    system.results,
    `${shown(rate)}${narrower}`,
    limit === null ? "" : `${((rate / limit) * 100).toPrecision(2)} %`,
    shown(median(rounds.map(({ stepMs }) => stepMs))),
    shown(chainLimitOf(system.chainLimit, limits)),
    ...(size.wide === null ? [] : [wide === null ? "" : wide === "too long" ? "over a minute" : shown((size.wide / wide) * 1000)]),
    memory === null ? "" : shown(Math.round(memory)),
  ];
}

function fanLimitOf(limit: FanLimit, { freshPerSecond, keptPerSecond, socketPerSecond }: Limits): number | null {
  const perSecond = { "fresh process": freshPerSecond, "kept process": keptPerSecond, socket: socketPerSecond, none: null };
  return perSecond[limit];
}

function chainLimitOf(limit: ChainLimit, { syncMs, freshMs, keptMs, socketMs }: Limits): number {
  const ms = {
    "sync, fresh process": syncMs + freshMs,
    "sync, kept process": syncMs + keptMs,
    "sync, socket": syncMs + socketMs,
    socket: socketMs,
    sync: syncMs,
  };
  return ms[limit];
}

function limitLines({ syncMs, freshMs, freshPerSecond, keptMs, keptPerSecond, socketMs, socketPerSecond }: Limits): readonly string[] {
  const cores = availableParallelism();
  return [
    "The machine alone, in the same rounds:",
    "",
    `- 4 KiB appended and synced: ${shown(syncMs)} ms`,
    `- \`node -e 0\`: ${shown(freshMs)} ms, ${shown(freshPerSecond)} a second with ${cores} at a time`,
    `- a message to a process that is there, and back: ${shown(keptMs)} ms, ${shown(keptPerSecond)} a second with ${cores} processes`,
    `- a message over loopback TCP, and back: ${shown(socketMs)} ms, ${shown(socketPerSecond)} a second with 100 under way`,
  ];
}

function medianOf(limits: readonly Limits[]): Limits {
  const of = (name: keyof Limits): number => median(limits.map((each) => each[name]));
  return {
    syncMs: of("syncMs"),
    freshMs: of("freshMs"),
    freshPerSecond: of("freshPerSecond"),
    keptMs: of("keptMs"),
    keptPerSecond: of("keptPerSecond"),
    socketMs: of("socketMs"),
    socketPerSecond: of("socketPerSecond"),
  };
}

function shown(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 4 });
}

/** With the machine, without which the numbers mean nothing. */
export function keepTable(lines: readonly string[], loadBefore: number): void {
  const text = readFileSync(readme, "utf8");
  const [begin, end] = markers;
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end);
  if (from < begin.length || to < from) throw new Error(`${readme} has no ${begin} and ${end} to keep the table between`);
  const [cpu] = cpus();
  const machine = `${cpus().length} cores (${cpu?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}; ${loadBefore.toFixed(1)} processes were running before it began${loadBefore > quietLoad ? ", so the times are worth little" : ""}. Medians of three rounds; memory and the widest fan-out are of the last.`;
  writeFileSync(readme, `${text.slice(0, from)}\n${machine}\n\n${lines.join("\n")}\n${text.slice(to)}`);
}
