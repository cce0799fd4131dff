// The card of a task that made none: what is known of every task, as components like any other.

import type { ArtifactRef } from "../proto/artifact.ts";
import { describeFailure, type Failure } from "../proto/failure.ts";
import type { AttemptView, RunView, TaskView } from "../proto/view.ts";
import { readArtifact } from "../sdk/artifact/read.ts";
import { ArtifactStoreError, type ArtifactStore } from "../sdk/artifact/store.ts";
import type { CardComponent, Cell } from "../sdk/card/component.ts";
import { formatBytes } from "./format/count.ts";
import { formatDuration } from "./format/duration.ts";
import { formatInstant } from "./format/time.ts";
import type { Excerpt } from "./render/run-summary.ts";
import { valueText } from "./value-text.ts";

export type DefaultCardInput = {
  readonly run: RunView;
  readonly task: TaskView;
  readonly store: ArtifactStore;
  /** Of the last failure; null where there is none to show. */
  readonly excerpt: Excerpt | null;
  readonly nowMs: number;
};

/** Larger parameters are told by their type. Bytes. */
const valueBytesMax = 64 * 1024;
const valueCharactersMax = 200;

export async function defaultCard(input: DefaultCardInput): Promise<readonly CardComponent[]> {
  const { task } = input;
  const failure = task.attempts.at(-1)?.failure ?? null;
  return [
    ...headOf(input),
    ...(failure === null ? [] : failureOf(failure, input.excerpt)),
    ...section(
      "Attempts",
      ["attempt", "outcome", "worker", "started", "took", "peak memory"],
      task.attempts.map((each) => attemptRow(each, input.nowMs)),
    ),
    ...section("Parameters", ["parameter", "value"], await parameterRows(input)),
    ...section("Artifacts", ["artifact", "type", "size", "sha256", "set"], artifactRows(task)),
  ];
}

function headOf({ run, task, nowMs }: DefaultCardInput): readonly CardComponent[] {
  const last = task.attempts.at(-1);
  const status = task.reusedFrom === null ? (task.caught ? "caught" : task.status) : `taken over from ${task.reusedFrom}`;
  const doc = run.graph.steps.find((step) => step.name === task.step)?.doc ?? "";
  return [
    ...(doc === "" ? [] : [{ kind: "markdown" as const, text: doc }]),
    { kind: "metric", label: "status", value: status, change: null },
    ...(last === undefined ? [] : [{ kind: "metric" as const, label: "took", value: took(last, nowMs), change: null }]),
  ];
}

function failureOf(failure: Failure, excerpt: Excerpt | null): readonly CardComponent[] {
  const stack = failure.kind === "userError" ? failure.stack : "";
  const described = describeFailure(failure);
  const source = excerpt?.lines.map(({ line, text }) => `${line === excerpt.place.line ? ">" : " "} ${String(line).padStart(4)} | ${text}`);
  return [
    { kind: "markdown", text: "## Failure" },
    { kind: "code", text: stack.includes(described) ? stack : [described, stack].filter((text) => text !== "").join("\n"), language: "" },
    ...(source === undefined ? [] : [{ kind: "code" as const, text: source.join("\n"), language: "ts" }]),
  ];
}

function attemptRow(attempt: AttemptView, nowMs: number): readonly Cell[] {
  const memory = attempt.usage === null || attempt.usage.peakMiB === 0 ? null : `${attempt.usage.peakMiB} MiB`;
  return [attempt.attempt, attempt.outcome, attempt.worker, formatInstant(attempt.startedAtMs), took(attempt, nowMs), memory];
}

function took({ startedAtMs, finishedAtMs }: AttemptView, nowMs: number): string {
  return formatDuration((finishedAtMs ?? nowMs) - startedAtMs);
}

async function parameterRows({ run, store }: DefaultCardInput): Promise<readonly (readonly Cell[])[]> {
  const open = Object.entries(run.parameters).filter(([name]) => !run.secrets.includes(name));
  const rows = open.map(async ([name, ref]): Promise<readonly Cell[]> => [name, await shortValue(ref, store)]);
  return [...(await Promise.all(rows)), ...run.secrets.map((name) => [name, "(secret)"])];
}

async function shortValue(ref: ArtifactRef, store: ArtifactStore): Promise<string> {
  if (ref.kind === "caught") return "error";
  if (ref.size > valueBytesMax) return `${ref.type}, ${formatBytes(ref.size)}`;
  try {
    const text = valueText(await readArtifact(ref, store), false);
    return text.length > valueCharactersMax ? `${text.slice(0, valueCharactersMax)}…` : text;
  } catch (error) {
    if (error instanceof ArtifactStoreError) return `cannot be read: ${error.message}`;
    throw error;
  }
}

function artifactRows({ artifacts, produced }: TaskView): readonly (readonly Cell[])[] {
  const names = Object.keys(artifacts).sort();
  return names.map((name) => {
    const ref = artifacts[name];
    const set = produced.includes(name) ? "here" : "before";
    return ref?.kind === "stored"
      ? [name, ref.type, formatBytes(ref.size), ref.sha256.slice(0, 12), set]
      : [name, "error", null, null, set];
  });
}

/** Nothing where there is nothing to list. */
function section(title: string, headers: readonly string[], rows: readonly (readonly Cell[])[]): readonly CardComponent[] {
  if (rows.length === 0) return [];
  return [
    { kind: "markdown", text: `## ${title}` },
    { kind: "table", headers, rows },
  ];
}
