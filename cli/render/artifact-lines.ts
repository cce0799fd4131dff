// `stepwell artifacts`: names, types and sizes, never values.

import type { ArtifactRef, Artifacts } from "../../proto/artifact.ts";
import { describeFailure } from "../../proto/failure.ts";
import { formatBytes } from "../format/count.ts";
import { tableLines } from "../format/table.ts";

export function artifactsTable(artifacts: Artifacts, produced: ReadonlySet<string>): readonly string[] {
  const rows = sorted(artifacts).map(([name, ref]) => [
    name,
    typeOf(ref),
    ref.kind === "stored" ? formatBytes(ref.size) : "-",
    hashOf(ref),
    produced.has(name) ? "here" : "before",
  ]);
  return tableLines(
    [{ title: "ARTIFACT" }, { title: "TYPE" }, { title: "SIZE", align: "right" }, { title: "SHA256" }, { title: "SET" }],
    rows,
  );
}

export function artifactDocuments(artifacts: Artifacts, produced: ReadonlySet<string>): readonly Record<string, unknown>[] {
  return sorted(artifacts).map(([name, ref]) => ({
    name,
    type: typeOf(ref),
    sizeBytes: ref.kind === "stored" ? ref.size : null,
    sha256: ref.kind === "stored" ? ref.sha256 : null,
    setHere: produced.has(name),
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
