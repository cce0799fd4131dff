// The live window: what stands at the bottom of a terminal while a run is going on. Pure: progress in, lines out.

import { formatCount } from "../format/count.ts";
import { formatDuration, formatRough } from "../format/duration.ts";
import { cut, pad, widthOf } from "../format/table.ts";
import { maxWorkersInCluster } from "../setting-table.ts";
import type { Paint } from "../terminal.ts";
import type { RunProgress, StepProgress, Total } from "./progress.ts";
import { harmless } from "./screen.ts";

export type WindowLook = {
  readonly columns: number;
  readonly rows: number;
  readonly paint: Paint;
  readonly nowMs: number;
  /** What the keys do, or what is going on after one: ends the last line. */
  readonly hints: string;
};

const barWidth = 12;
const namesWidthMax = 24;
const messageWidthMax = 30;

/** At most a third of the terminal high, and never as wide as it, so that no line wraps. */
export function windowLines(progress: RunProgress, look: WindowLook): readonly string[] {
  const steps = stepLines(progress, look, Math.max(1, Math.floor(look.rows / 3) - 2));
  const lines = [headLine(progress, look), ...steps.map((line) => ` │ ${line}`), footLine(progress, look)];
  return lines.map((line) => cut(line, look.columns - 1));
}

function headLine(progress: RunProgress, look: WindowLook): string {
  const done = progress.steps.filter((step) => isDone(progress, step)).length;
  const status = progress.cancelling ? "cancelling" : "running";
  const text = ` ┌ ${look.paint.bold(progress.run)} ─ ${status} ${formatDuration(look.nowMs - (progress.takenUpAtMs ?? progress.submittedAtMs))} ─ ${done} of ${progress.steps.length} steps `;
  return text + "─".repeat(Math.max(0, Math.min(look.columns, 80) - 2 - widthOf(text)));
}

function footLine(progress: RunProgress, look: WindowLook): string {
  const limit = progress.workersMax < maxWorkersInCluster ? `/${progress.workersMax}` : "";
  const slots = `slots ${progress.running}${limit}`;
  return ` └ workers ${progress.workers.size} · ${slots} · ${look.hints}`;
}

/** Steps at work come first when there is no room for all; steps that wait share one line. */
function stepLines(progress: RunProgress, look: WindowLook, linesMax: number): readonly string[] {
  const waiting = progress.steps.filter((step) => !isBegun(step));
  const begun = progress.steps.filter(isBegun);
  const room = Math.max(1, linesMax - (waiting.length > 0 ? 1 : 0));
  const shown = new Set(
    [...begun.filter((step) => !isDone(progress, step)), ...begun.filter((step) => isDone(progress, step)).reverse()].slice(0, room),
  );
  const hidden = begun.length - shown.size;
  const width = Math.min(namesWidthMax, Math.max(...progress.steps.map((step) => widthOf(step.node.name))));
  const lines = begun.filter((step) => shown.has(step)).map((step) => stepLine(progress, step, { ...look, nameWidth: width }));
  if (waiting.length === 0) return lines;
  const names = cut(waiting.map((step) => step.node.name).join(", "), Math.max(30, look.columns - 30));
  return [
    ...lines,
    `${look.paint.dim("·")} ${pad(names, 36, "left")} waiting${hidden > 0 ? `   (${hidden} begun steps not shown)` : ""}`,
  ].slice(0, linesMax);
}

function stepLine(progress: RunProgress, step: StepProgress, look: WindowLook & { readonly nameWidth: number }): string {
  const total = progress.total(step);
  const done = isDone(progress, step);
  const head = `${mark(step, done, look.paint)} ${pad(cut(step.node.name, look.nameWidth), look.nameWidth, "left")} ${pad(doneText(step, total), 10, "right")}  `;
  if (done && step.failed === 0 && (total?.count ?? 1) <= 1) return head + oneDuration(step);
  const percent = percentText(step, total);
  const { main, more } = countTexts(step, total, look);
  main.push(...toldTexts(progress, step));
  const { median, rate, left } = timeTexts(step, total, look);
  const all = [...main, ...more].join(" · ");
  const variants = [
    [barText(step, total) + percent, all, [median, rate, left].filter(Boolean).join("  ")],
    [percent, all, left],
    [percent, main.join(" · "), left],
    [percent, main.join(" · ")],
  ];
  const lines = variants.map((parts) => head + parts.filter((part) => part !== "").join("  "));
  // What matters least goes first where the terminal is narrow.
  return lines.find((line) => widthOf(line) + 4 < look.columns) ?? lines.at(-1) ?? head;
}

function mark(step: StepProgress, done: boolean, paint: Paint): string {
  if (step.failed > 0) return paint.red("✗");
  return done ? paint.green("✓") : paint.cyan("▶");
}

/** `412/1000`; a plus where the total may still grow. */
function doneText(step: StepProgress, total: Total | null): string {
  if (total === null) return `${step.done}/?`;
  return `${step.done}/${total.count}${total.final ? "" : "+"}`;
}

function oneDuration(step: StepProgress): string {
  const durationMs = step.medianMs();
  return durationMs === null ? (step.reused > 0 ? "reused" : "") : pad(formatDuration(durationMs), 6, "right");
}

function barText(step: StepProgress, total: Total | null): string {
  if (total === null || total.count <= 1) return "";
  return `${bar(Math.min(1, step.done / total.count), barWidth)} `;
}

function percentText(step: StepProgress, total: Total | null): string {
  if (total === null || total.count <= 1) return "";
  return pad(`${Math.floor(Math.min(1, step.done / total.count) * 100)}%`, 4, "right");
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

function bar(share: number, width: number): string {
  const filled = Math.floor(share * width * 8);
  return pad("█".repeat(Math.floor(filled / 8)) + (eighths[filled % 8] ?? ""), width, "left");
}

/** `more` may be left out where there is no room. */
function countTexts(step: StepProgress, total: Total | null, look: WindowLook): { readonly main: string[]; readonly more: string[] } {
  const queued = total === null ? 0 : Math.max(0, total.count - step.done - step.running);
  const text = (count: number, word: string, color: (text: string) => string = String) =>
    count > 0 ? [color(`${formatCount(count)} ${word}`)] : [];
  const { red, yellow } = look.paint;
  return {
    main: [...text(step.running, "running"), ...text(queued, "queued"), ...text(step.failed, "failed", red)],
    more: [
      ...text(step.cancelled, "cancelled", yellow),
      ...text(step.caught, "caught", yellow),
      ...text(step.reused, "reused"),
      ...text(step.retried, "retried"),
    ],
  };
}

/** What a running task says of itself; it is named where it is one of many. */
function toldTexts(progress: RunProgress, step: StepProgress): readonly string[] {
  const told = progress.told.of(step.node.name);
  if (told === null || step.running === 0) return [];
  const { done, total, message } = told.progress;
  const share = total === null || total === 0 ? formatCount(done) : `${Math.floor(Math.min(1, done / total) * 100)}%`;
  const words = message === null ? "" : ` ${cut(harmless(message), messageWidthMax)}`;
  return [`${step.running > 1 ? `${told.task} ` : ""}${share}${words}`];
}

type TimeTexts = { readonly median: string; readonly rate: string; readonly left: string };

/** Rate and remaining time only when there is something to tell them from. */
function timeTexts(step: StepProgress, total: Total | null, look: WindowLook): TimeTexts {
  const medianMs = step.medianMs();
  const median = medianMs === null ? "" : ` p50 ${formatDuration(medianMs)}`;
  const executed = step.done - step.reused;
  const elapsedMs = look.nowMs - (step.startedAtMs ?? look.nowMs);
  if (executed < 2 || elapsedMs < 2000) return { median, rate: "", left: "" };
  const left = total === null ? 0 : total.count - step.done;
  const eta = left > 0 ? `ETA ~${formatRough((left * elapsedMs) / executed)}` : "";
  return { median, rate: rateText((executed * 1000) / elapsedMs), left: eta };
}

function rateText(perSecond: number): string {
  if (perSecond >= 10) return `${formatCount(Math.round(perSecond))}/s`;
  return perSecond >= 1 ? `${perSecond.toFixed(1)}/s` : `${(perSecond * 60).toFixed(1)}/min`;
}

export function isBegun(step: StepProgress): boolean {
  return step.startedAtMs !== null || step.done > 0;
}

export function isDone(progress: RunProgress, step: StepProgress): boolean {
  const total = progress.total(step);
  return total !== null && total.final && step.running === 0 && step.done >= total.count;
}
