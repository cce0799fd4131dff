// A line or bar chart as SVG: shapes and numbers, nothing that a page must run.

import type { CardComponent } from "./component.ts";
import { escapeHtml } from "./escape.ts";
import { formatFigure } from "./figure.ts";

type Chart = Extract<CardComponent, { kind: "chart" }>;

const width = 640;
const height = 240;
const plot = { left: 64, right: 632, top: 12, bottom: 204 };
/** So many labels have room below the axis. */
const labelsMax = 8;
const labelCharactersShown = 14;

export function chartSvg(chart: Chart): string {
  const scale = scaleOf(chart);
  const name = escapeHtml(chart.title === "" ? `${chart.shape} chart` : chart.title);
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}">`,
    ...scale.ticks.flatMap((tick) => gridLine(tick, scale)),
    ...(chart.shape === "bar" ? bars(chart, scale) : line(chart, scale)),
    ...labels(chart),
    "</svg>",
  ].join("\n");
}

type Scale = { readonly min: number; readonly max: number; readonly ticks: readonly number[] };

/** Round numbers below and above all values; a bar begins at zero. */
function scaleOf({ shape, values }: Chart): Scale {
  const shown = shape === "bar" ? [0, ...values] : values;
  const low = Math.min(...shown);
  const high = Math.max(...shown);
  // Smaller ones cannot be divided any more.
  const span = high - low < Number.MIN_VALUE / Number.EPSILON ? 1 : high - low;
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return { min: first * step, max: last * step, ticks: Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step) };
}

function yOf(value: number, { min, max }: Scale): number {
  return round(plot.bottom - ((value - min) / (max - min)) * (plot.bottom - plot.top));
}

/** The middle of a value's place on the axis. */
function xOf(index: number, count: number): number {
  return round(plot.left + ((index + 0.5) / count) * (plot.right - plot.left));
}

function gridLine(tick: number, scale: Scale): readonly string[] {
  const y = yOf(tick, scale);
  return [
    `<line class="grid" x1="${plot.left}" y1="${y}" x2="${plot.right}" y2="${y}"/>`,
    `<text class="value" x="${plot.left - 8}" y="${y + 4}">${formatFigure(tick)}</text>`,
  ];
}

function bars({ labels, values }: Chart, scale: Scale): readonly string[] {
  const barWidth = round(Math.max(0.5, ((plot.right - plot.left) / values.length) * 0.7));
  const zero = yOf(0, scale);
  return values.map((value, index) => {
    const y = yOf(value, scale);
    const box = `x="${round(xOf(index, values.length) - barWidth / 2)}" y="${Math.min(y, zero)}" width="${barWidth}" height="${round(Math.abs(y - zero))}"`;
    return `<rect class="mark" ${box}>${hint(labels[index] ?? "", value)}</rect>`;
  });
}

function line({ labels, values }: Chart, scale: Scale): readonly string[] {
  const points = values.map((value, index) => ({ x: xOf(index, values.length), y: yOf(value, scale), value, label: labels[index] ?? "" }));
  return [
    `<polyline class="path" points="${points.map(({ x, y }) => `${x},${y}`).join(" ")}"/>`,
    ...points.map(({ x, y, value, label }) => `<circle class="mark" cx="${x}" cy="${y}" r="2.5">${hint(label, value)}</circle>`),
  ];
}

/** Browsers show it under the pointer. */
function hint(label: string, value: number): string {
  return `<title>${escapeHtml(label)}: ${formatFigure(value)}</title>`;
}

function labels({ labels: all }: Chart): readonly string[] {
  const every = Math.ceil(all.length / labelsMax);
  return all.flatMap((label, index) => {
    if (index % every !== 0) return [];
    const shown = label.length > labelCharactersShown ? `${label.slice(0, labelCharactersShown - 1)}…` : label;
    return [`<text class="label" x="${xOf(index, all.length)}" y="${plot.bottom + 20}">${escapeHtml(shown)}</text>`];
  });
}

/** A hundredth of a unit is finer than any screen. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
