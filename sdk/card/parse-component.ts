// Components of cards as they come from a step or from a kept artifact: well formed and within the limits, or an error that
// says which part is wrong.

import { unreachable } from "../../proto/unreachable.ts";
import type { CardComponent, Cell, ImageFormat, JsonValue } from "./component.ts";
import {
  chartPointsMax,
  chartValueMax,
  imageBytesMax,
  labelCharactersMax,
  tableColumnsMax,
  tableRowsMax,
  textCharactersMax,
} from "./limits.ts";

/** What a component must not be. */
export class CardError extends TypeError {
  override readonly name = "CardError";
}

const kinds: ReadonlySet<string> = new Set<CardComponent["kind"]>([
  "markdown",
  "table",
  "metric",
  "image",
  "code",
  "json",
  "progress",
  "chart",
]);

type Fields = Readonly<Record<string, unknown>>;

/** A copy that later changes do not reach. @throws CardError */
export function parseComponent(value: unknown): CardComponent {
  if (!isFields(value))
    throw new CardError(`a component is made by card.markdown(...), card.table(...) and the like; this is ${nameOf(value)}`);
  const { kind } = value;
  if (!isKind(kind)) throw new CardError(`a card has no component of kind ${nameOf(kind)}; there are ${[...kinds].join(", ")}`);
  switch (kind) {
    case "markdown":
      return { kind, text: text(value, kind, "text") };
    case "table":
      return parseTable(value);
    case "metric":
      return { kind, label: label(value, kind, "label"), value: figure(value, kind, "value"), change: changeOf(value) };
    case "image":
      return parseImage(value);
    case "code":
      return { kind, text: text(value, kind, "text"), language: label(value, kind, "language") };
    case "json":
      return { kind, value: parseJson(value["value"]) };
    case "progress":
      return { kind, label: label(value, kind, "label"), done: amount(value, kind, "done"), total: amount(value, kind, "total") };
    case "chart":
      return parseChart(value);
    default:
      return unreachable(kind);
  }
}

function parseTable(fields: Fields): CardComponent {
  const headers = list(fields, "table", "headers").map((header, column) => checkedLabel(header, `table: header ${column}`));
  const rows = list(fields, "table", "rows");
  if (headers.length === 0) throw new CardError("table: it has no headers; name its columns");
  atMost("table: columns", headers.length, tableColumnsMax);
  atMost("table: rows", rows.length, tableRowsMax);
  return { kind: "table", headers, rows: rows.map((row, index) => parseRow(row, index, headers.length)) };
}

function parseRow(row: unknown, index: number, columns: number): readonly Cell[] {
  if (!Array.isArray(row)) throw new CardError(`table: row ${index} is ${nameOf(row)}; give a list with a cell for each header`);
  if (row.length !== columns) throw new CardError(`table: row ${index} has ${row.length} cells where there are ${columns} headers`);
  return row.map((cell: unknown, column) => {
    if (!isCell(cell)) {
      throw new CardError(`table: row ${index}, column ${column} is ${nameOf(cell)}; a cell is a string, a number, a boolean or null`);
    }
    if (typeof cell === "string") atMost(`table: characters in row ${index}, column ${column}`, cell.length, textCharactersMax);
    return cell;
  });
}

function parseImage(fields: Fields): CardComponent {
  const { format, bytes, alt } = fields;
  if (typeof alt !== "string" || alt.trim() === "") {
    throw new CardError("image: it has no alt; say in words what it shows, for those who cannot see it");
  }
  atMost("image: characters of alt", alt.length, labelCharactersMax);
  if (!(bytes instanceof Uint8Array)) throw new CardError(`image: its bytes are ${nameOf(bytes)}; give a Uint8Array or a Buffer`);
  atMost("image: bytes", bytes.length, imageBytesMax);
  if (!isFormat(format) || !looksLike[format](bytes)) throw new CardError(`image: its bytes are no ${String(format)} image`);
  return { kind: "image", format, bytes: new Uint8Array(bytes), alt };
}

/** Enough to notice one for another; whoever shows it decides for good. */
const looksLike: Readonly<Record<ImageFormat, (bytes: Uint8Array) => boolean>> = {
  png: (bytes) => startsWith(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
  jpeg: (bytes) => startsWith(bytes, [0xff, 0xd8, 0xff]),
  svg: (bytes) => new TextDecoder().decode(bytes).includes("<svg"),
};

function startsWith(bytes: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, at) => bytes[at] === byte);
}

/** JSON as it is read back: later changes to the value do not reach the card. */
function parseJson(value: unknown): JsonValue {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    throw new CardError(`json: the value has no JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (json === undefined) throw new CardError(`json: ${nameOf(value)} has no JSON`);
  atMost("json: characters", json.length, textCharactersMax);
  return JSON.parse(json) as JsonValue;
}

function parseChart(fields: Fields): CardComponent {
  const { shape } = fields;
  if (shape !== "line" && shape !== "bar") throw new CardError(`chart: its shape is ${nameOf(shape)}; there are line and bar`);
  const labels = list(fields, "chart", "labels").map((each, index) => checkedLabel(each, `chart: label ${index}`));
  const values = list(fields, "chart", "values").map((value, index) => {
    if (typeof value === "number" && Math.abs(value) <= chartValueMax) return value;
    throw new CardError(`chart: value ${index} is ${nameOf(value)}; give a number of at most ${chartValueMax}`);
  });
  if (labels.length !== values.length) throw new CardError(`chart: ${values.length} values for ${labels.length} labels`);
  if (values.length === 0) throw new CardError("chart: it has no values");
  atMost("chart: values", values.length, chartPointsMax);
  return { kind: "chart", shape, title: label(fields, "chart", "title"), labels, values };
}

function text(fields: Fields, kind: string, name: string): string {
  const value = fields[name];
  if (typeof value !== "string") throw new CardError(`${kind}: ${name} is ${nameOf(value)}; give a string`);
  atMost(`${kind}: characters of ${name}`, value.length, textCharactersMax);
  return value;
}

function label(fields: Fields, kind: string, name: string): string {
  return checkedLabel(fields[name], `${kind}: ${name}`);
}

function checkedLabel(value: unknown, what: string): string {
  if (typeof value !== "string") throw new CardError(`${what} is ${nameOf(value)}; give a string`);
  if (value.length > labelCharactersMax)
    throw new CardError(`${what} has ${value.length} characters; at most ${labelCharactersMax} are possible`);
  return value;
}

function figure(fields: Fields, kind: string, name: string): string | number {
  const value = fields[name];
  return typeof value === "number" ? value : checkedLabel(value, `${kind}: ${name}`);
}

function changeOf(fields: Fields): string | number | null {
  return fields["change"] === null || fields["change"] === undefined ? null : figure(fields, "metric", "change");
}

function amount(fields: Fields, kind: string, name: string): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw new CardError(`${kind}: ${name} is ${nameOf(value)}; give a number that is 0 or more`);
}

function list(fields: Fields, kind: string, name: string): readonly unknown[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw new CardError(`${kind}: ${name} is ${nameOf(value)}; give a list`);
  return value;
}

function atMost(what: string, count: number, max: number): void {
  if (count > max) throw new CardError(`${what}: ${count}, and at most ${max} are possible; keep what is larger as an artifact`);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function isKind(value: unknown): value is CardComponent["kind"] {
  return typeof value === "string" && kinds.has(value);
}

function isFormat(value: unknown): value is ImageFormat {
  return value === "png" || value === "jpeg" || value === "svg";
}

function isCell(value: unknown): value is Cell {
  return value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** For errors. */
function nameOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (Array.isArray(value)) return "a list";
  if (typeof value === "number" || value === null || value === undefined) return String(value);
  return `of type ${typeof value}`;
}
