// `stepwell compare`: what several runs have in common and where they differ.

import type { ArtifactRef } from "../../proto/artifact.ts";
import { describeFailure } from "../../proto/failure.ts";
import type { RunView } from "../../proto/view.ts";
import { formatDuration } from "../format/duration.ts";
import { tableLines } from "../format/table.ts";
import { countsText } from "./run-summary.ts";

/** A value for each run, in their order; null where a run doesn't have it. */
export type ComparedRow = { readonly what: string; readonly values: readonly (string | null)[]; readonly differs: boolean };

export type ComparedRun = {
  readonly view: RunView;
  /** Readable values of parameters by name; secret ones are masked. */
  readonly parameters: Readonly<Record<string, string>>;
};

export function comparedRows(runs: readonly ComparedRun[], withArtifacts: boolean): readonly ComparedRow[] {
  const views = runs.map((run) => run.view);
  const steps = [...new Set(views.flatMap((view) => view.steps.map((step) => step.step)))];
  return [
    row(
      "status",
      views.map((view) => view.status),
    ),
    row(
      "duration",
      views.map((view) => (view.finishedAtMs === null ? "-" : formatDuration(view.finishedAtMs - view.submittedAtMs))),
    ),
    row("tasks", views.map(countsText)),
    row(
      "code",
      views.map((view) => view.codePackage.slice(0, 7)),
    ),
    row(
      "tags",
      views.map((view) => view.tags.join(",") || "-"),
    ),
    row(
      "failure",
      views.map((view) => (view.firstFailure === null ? "-" : (describeFailure(view.firstFailure.failure).split("\n")[0] ?? ""))),
    ),
    ...keysOf(runs.map((run) => run.parameters)).map((name) =>
      row(
        `parameter ${name}`,
        runs.map((run) => run.parameters[name] ?? null),
      ),
    ),
    ...steps.map((name) =>
      row(
        `step ${name} p50`,
        views.map((view) => medianText(view, name)),
      ),
    ),
    ...(withArtifacts
      ? keysOf(views.map((view) => view.result ?? {})).map((name) =>
          row(
            `artifact ${name}`,
            views.map((view) => artifactText(view.result?.[name])),
          ),
        )
      : []),
  ];
}

export function comparisonTable(runs: readonly ComparedRun[], rows: readonly ComparedRow[]): readonly string[] {
  const columns = [{ title: "" }, { title: "" }, ...runs.map((run) => ({ title: run.view.run }))];
  return tableLines(
    columns,
    rows.map((entry) => [entry.differs ? "≠" : "", entry.what, ...entry.values.map((value) => value ?? "-")]),
  );
}

export function comparisonMarkdown(runs: readonly ComparedRun[], rows: readonly ComparedRow[]): readonly string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const head = ["", ...runs.map((run) => run.view.run)];
  return [
    line(head),
    line(head.map(() => "---")),
    ...rows.map((entry) => line([entry.what, ...entry.values.map((value) => value ?? "-")])),
  ];
}

function row(what: string, values: readonly (string | null)[]): ComparedRow {
  return { what, values, differs: new Set(values).size > 1 };
}

function keysOf(records: readonly Readonly<Record<string, unknown>>[]): readonly string[] {
  return [...new Set(records.flatMap((record) => Object.keys(record)))].sort();
}

function medianText(view: RunView, step: string): string | null {
  const ms = view.steps.find((candidate) => candidate.step === step)?.p50Ms ?? null;
  return ms === null ? null : formatDuration(ms);
}

function artifactText(ref: ArtifactRef | undefined): string | null {
  if (ref === undefined) return null;
  return ref.kind === "stored" ? `${ref.type} ${ref.sha256.slice(0, 12)}` : describeFailure(ref.failure);
}
