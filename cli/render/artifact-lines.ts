// `stepwell artifacts`: names, types and sizes, never values.

import type { ArtifactRef, Artifacts } from "../../proto/artifact.ts";
import { describeFailure } from "../../proto/failure.ts";
import { formatBytes } from "../format/count.ts";
import { tableLines } from "../format/table.ts";

/** What is visible after a task, by who set it. */
export type VisibleArtifacts = {
  readonly artifacts: Artifacts;
  /** By the task itself. */
  readonly produced: ReadonlySet<string>;
  /** By whoever started the run. */
  readonly parameters: ReadonlySet<string>;
};

export function artifactsTable({ artifacts, produced, parameters }: VisibleArtifacts): readonly string[] {
  const rows = sorted(artifacts).map(([name, ref]) => [
    name,
    typeOf(ref),
    ref.kind === "stored" ? formatBytes(ref.size) : "-",
    hashOf(ref),
    produced.has(name) ? "here" : parameters.has(name) ? "parameter" : "before",
  ]);
  return tableLines(
    [{ title: "ARTIFACT" }, { title: "TYPE" }, { title: "SIZE", align: "right" }, { title: "SHA256" }, { title: "SET" }],
    rows,
  );
}

export function artifactDocuments({ artifacts, produced, parameters }: VisibleArtifacts): readonly Record<string, unknown>[] {
  return sorted(artifacts).map(([name, ref]) => ({
    name,
    type: typeOf(ref),
    sizeBytes: ref.kind === "stored" ? ref.size : null,
    sha256: ref.kind === "stored" ? ref.sha256 : null,
    setHere: produced.has(name),
    parameter: parameters.has(name),
  }));
}

function sorted(artifacts: Artifacts): [string, ArtifactRef][] {
  return Object.entries(artifacts).sort(([a], [b]) => (a < b ? -1 : 1));
}

function typeOf(ref: ArtifactRef): string {
  return ref.kind === "stored" ? ref.type : `error: ${describeFailure(ref.failure).split("\n")[0]}`;
}

function hashOf(ref: ArtifactRef): string {
  return ref.kind === "stored" ? ref.sha256.slice(0, 12) : "-";
}
