// The tables of docs/operations.md: what metrics and log lines there are.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../command.ts";

export type DocumentedMetric = { readonly name: string; readonly type: string; readonly labels: readonly string[] };
export type DocumentedEvent = {
  readonly event: string;
  readonly levels: readonly string[];
  readonly fields: readonly string[];
};

const rows = readFileSync(join(root, "docs/operations.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );

function words(cell = ""): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
}

export const documentedMetrics: readonly DocumentedMetric[] = rows
  .filter(([, type = ""]) => ["counter", "gauge", "histogram"].includes(type))
  .map(([name, type = "", labels]) => ({ name: words(name)[0] ?? "", type, labels: words(labels) }));

export const documentedEvents: readonly DocumentedEvent[] = rows
  .filter(([, levels = ""]) => /^(?:debug|info|warn|error)(?:, (?:warn|info|error))?$/.test(levels))
  .map(([event, levels = "", fields]) => ({ event: words(event)[0] ?? "", levels: levels.split(", "), fields: words(fields) }));
