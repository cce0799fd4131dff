// `stepwell card`: a card as text. What a terminal cannot show is told in words, and so is what would be too much.

import { unreachable } from "../../proto/unreachable.ts";
import type { CardComponent, Cell } from "../../sdk/card/component.ts";
import { formatChange, formatFigure } from "../../sdk/card/figure.ts";
import { formatBytes, formatCount } from "../format/count.ts";
import { cut, pad, tableLines, widthOf } from "../format/table.ts";
import type { Paint } from "../terminal.ts";

/** Rows of a table, and points of a chart. */
const rowsMax = 50;
const cellWidthMax = 60;
const barWidth = 30;
const jsonLinesMax = 200;

type Of<K extends CardComponent["kind"]> = Extract<CardComponent, { kind: K }>;

/** A blank line between components, none between metrics. */
export function cardLines(components: readonly CardComponent[], paint: Paint): readonly string[] {
  return groups(components).flatMap((group, index) => [...(index === 0 ? [] : [""]), ...groupLines(group, paint)]);
}

/** Metrics that follow each other belong together. */
function groups(components: readonly CardComponent[]): readonly (readonly [CardComponent, ...CardComponent[]])[] {
  const found: [CardComponent, ...CardComponent[]][] = [];
  for (const component of components) {
    const last = found.at(-1);
    if (component.kind === "metric" && last?.[0].kind === "metric") last.push(component);
    else found.push([component]);
  }
  return found;
}

function groupLines([first, ...more]: readonly [CardComponent, ...CardComponent[]], paint: Paint): readonly string[] {
  switch (first.kind) {
    case "markdown":
      return linesOf(first.text.trim()).map((line) => (/^#{1,6} /.test(line) ? paint.bold(line) : line));
    case "table":
      return tableText(first);
    case "metric":
      return metricLines([first, ...more.filter((one) => one.kind === "metric")], paint);
    case "image":
      return [paint.dim(`[${first.format} image, ${formatBytes(first.bytes.length)}] `) + oneLine(first.alt)];
    case "code":
      return linesOf(first.text).map((line) => `    ${line}`);
    case "json":
      return jsonLines(first);
    case "progress":
      return [
        `${oneLine(first.label)}  ${bar(first.done / Math.max(first.total, first.done, 1))}  ${formatFigure(first.done)} of ${formatFigure(first.total)}`,
      ];
    case "chart":
      return chartLines(first, paint);
    default:
      return unreachable(first);
  }
}

function tableText({ headers, rows }: Of<"table">): readonly string[] {
  const columns = headers.map((title, index) => {
    const isNumeric = rows.length > 0 && rows.every((row) => typeof row[index] === "number" || row[index] === null);
    return { title: cut(oneLine(title), cellWidthMax), align: isNumeric ? ("right" as const) : ("left" as const) };
  });
  const shown = rows.slice(0, rowsMax).map((row) => row.map(cellText));
  return [...tableLines(columns, shown), ...cutNotice(rows.length, "rows")];
}

function cellText(cell: Cell): string {
  if (typeof cell === "number") return formatFigure(cell);
  return cell === null ? "" : cut(oneLine(String(cell)), cellWidthMax);
}

function metricLines(metrics: readonly Of<"metric">[], paint: Paint): readonly string[] {
  const columns = [{ title: "" }, { title: "", align: "right" as const }, { title: "" }];
  const rows = metrics.map(({ label, value, change }) => [
    oneLine(label),
    paint.bold(typeof value === "number" ? formatFigure(value) : oneLine(value)),
    change === null ? "" : oneLine(formatChange(change)),
  ]);
  return tableLines(columns, rows);
}

function jsonLines({ value }: Of<"json">): readonly string[] {
  const lines = linesOf(JSON.stringify(value, null, 2));
  const notice = lines.length > jsonLinesMax ? [`showing ${jsonLinesMax} of ${formatCount(lines.length)} lines; all of them: --html`] : [];
  return [...lines.slice(0, jsonLinesMax).map((line) => `    ${line}`), ...notice];
}

/** A bar for each value, from zero or the least value on. */
function chartLines({ title, labels, values }: Of<"chart">, paint: Paint): readonly string[] {
  const low = Math.min(0, ...values);
  const span = Math.max(0, ...values) - low || 1;
  const shown = labels.slice(0, rowsMax).map((label) => cut(oneLine(label), cellWidthMax));
  const width = Math.max(...shown.map(widthOf));
  const lines = shown.map((label, index) => {
    const value = values[index] ?? 0;
    return `${pad(label, width, "left")}  ${bar((value - low) / span)}  ${formatFigure(value)}`;
  });
  return [...(title === "" ? [] : [paint.bold(oneLine(title))]), ...lines, ...cutNotice(values.length, "values")];
}

function bar(share: number): string {
  return pad("█".repeat(Math.round(Math.min(1, share) * barWidth)), barWidth, "left");
}

function cutNotice(count: number, what: string): readonly string[] {
  return count > rowsMax ? [`showing ${rowsMax} of ${formatCount(count)} ${what}; all of them: --html`] : [];
}

// oxlint-disable-next-line no-control-regex -- what an author wrote may hold what would move the cursor
const control = /[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/g;

function linesOf(text: string): readonly string[] {
  return text.replaceAll("\r\n", "\n").replaceAll("\t", "    ").replaceAll(control, "").split("\n");
}

function oneLine(text: string): string {
  return linesOf(text).join(" ");
}
