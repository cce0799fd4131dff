// A card as one HTML page that needs nothing else, and in which nothing runs.
//
// H1. Whatever an author puts on a card is text in the page, or an image that is drawn apart from it. Should a mistake here
//     let markup through, the page's own policy still forbids scripts, forms and loading anything.

import { unreachable } from "../../proto/unreachable.ts";
import { chartSvg } from "./chart-svg.ts";
import type { CardComponent, Cell } from "./component.ts";
import { escapeHtml } from "./escape.ts";
import { formatChange, formatFigure } from "./figure.ts";
import { markdownHtml } from "./markdown-html.ts";
import { pageStyle } from "./page-style.ts";

const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

export function cardPage(title: string, components: readonly CardComponent[]): string {
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${pageStyle}</style>`,
    "</head>",
    "<body>",
    `<header><h1>${escapeHtml(title)}</h1></header>`,
    `<main>\n${body(components)}</main>`,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

/** Metrics that follow each other stand side by side. */
function body(components: readonly CardComponent[]): string {
  let html = "";
  let inRow = false;
  for (const component of components) {
    const isMetric = component.kind === "metric";
    if (isMetric && !inRow) html += '<div class="metrics">\n';
    if (!isMetric && inRow) html += "</div>\n";
    inRow = isMetric;
    html += componentHtml(component);
  }
  return inRow ? `${html}</div>\n` : html;
}

function componentHtml(component: CardComponent): string {
  switch (component.kind) {
    case "markdown":
      return `<section>\n${markdownHtml(component.text)}</section>\n`;
    case "table":
      return tableHtml(component.headers, component.rows);
    case "metric":
      return metricHtml(component);
    case "image":
      return `<figure><img src="data:${mimeTypes[component.format]};base64,${base64(component.bytes)}" alt="${escapeHtml(component.alt)}"></figure>\n`;
    case "code":
      return `<pre${component.language === "" ? "" : ` data-language="${escapeHtml(component.language)}"`}><code>${escapeHtml(component.text)}</code></pre>\n`;
    case "json":
      return `<pre data-language="json"><code>${escapeHtml(JSON.stringify(component.value, null, 2))}</code></pre>\n`;
    case "progress":
      return progressHtml(component);
    case "chart":
      return `<figure>${component.title === "" ? "" : `<figcaption>${escapeHtml(component.title)}</figcaption>`}\n${chartSvg(component)}</figure>\n`;
    default:
      return unreachable(component);
  }
}

const mimeTypes = { png: "image/png", jpeg: "image/jpeg", svg: "image/svg+xml" } as const;

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function tableHtml(headers: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const isNumeric = (column: number): boolean => typeof rows[0]?.[column] === "number";
  const head = headers.map((header, column) => `<th${isNumeric(column) ? ' class="number"' : ""}>${escapeHtml(header)}</th>`).join("");
  const lines = rows.map((row) => `<tr>${row.map(cellHtml).join("")}</tr>\n`).join("");
  return `<div class="wide"><table>\n<thead>\n<tr>${head}</tr>\n</thead>\n<tbody>\n${lines}</tbody>\n</table></div>\n`;
}

function cellHtml(cell: Cell): string {
  if (typeof cell === "number") return `<td class="number">${formatFigure(cell)}</td>`;
  return `<td>${cell === null ? "" : escapeHtml(String(cell))}</td>`;
}

function metricHtml({ label, value, change }: Extract<CardComponent, { kind: "metric" }>): string {
  const shown = typeof value === "number" ? formatFigure(value) : value;
  const more = change === null ? "" : `<div class="change">${escapeHtml(formatChange(change))}</div>`;
  return `<div class="metric"><div class="label">${escapeHtml(label)}</div><div class="value">${escapeHtml(shown)}</div>${more}</div>\n`;
}

function progressHtml({ label, done, total }: Extract<CardComponent, { kind: "progress" }>): string {
  const text = `${formatFigure(done)} of ${formatFigure(total)}`;
  return `<div class="progress"><span>${escapeHtml(label)}</span> <progress value="${done}" max="${Math.max(total, done, 1)}"></progress> <span>${text}</span></div>\n`;
}
