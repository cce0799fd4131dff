import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cell } from "./component.ts";
import { card } from "./construct.ts";
import {
  cardBytesMax,
  chartPointsMax,
  componentsMax,
  imageBytesMax,
  labelCharactersMax,
  tableColumnsMax,
  tableRowsMax,
  textCharactersMax,
} from "./limits.ts";
import { CardError } from "./parse-component.ts";
import { TaskCard } from "./task-card.ts";

const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3);

test("components are plain data, which later changes to what they were made from do not reach", () => {
  const rows: Cell[][] = [["a", 1]];
  const value = { list: [1] };
  const [table, json, image] = [card.table({ headers: ["name", "count"], rows }), card.json(value), card.image({ png, alt: "three dots" })];
  rows[0]?.push(true);
  value.list.push(2);
  png[8] = 9;
  assert.deepEqual(table, { kind: "table", headers: ["name", "count"], rows: [["a", 1]] });
  assert.deepEqual(json, { kind: "json", value: { list: [1] } });
  assert.equal(image.kind === "image" ? image.bytes[8] : null, 1);
  assert.deepEqual(structuredClone([table, json, image]), [table, json, image]);
});

const long = (length: number): string => "x".repeat(length);
const rowsOf = (count: number): Cell[][] => Array.from({ length: count }, () => [1]);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const pngOf = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes.set(png.subarray(0, 8));
  return bytes;
};

const limits: readonly [what: string, max: number, make: (count: number) => unknown][] = [
  ["characters of a text", textCharactersMax, (count) => card.markdown(long(count))],
  ["characters of code", textCharactersMax, (count) => card.code(long(count))],
  ["characters of JSON", textCharactersMax, (count) => card.json(long(count - 2))],
  ["characters of a label", labelCharactersMax, (count) => card.metric({ label: long(count), value: 1 })],
  ["characters of an alt", labelCharactersMax, (count) => card.image({ png, alt: long(count) })],
  ["rows", tableRowsMax, (count) => card.table({ headers: ["a"], rows: rowsOf(count) })],
  ["columns", tableColumnsMax, (count) => card.table({ headers: numbers(count).map(String), rows: [] })],
  ["bytes of an image", imageBytesMax, (count) => card.image({ png: pngOf(count), alt: "a" })],
  ["points of a chart", chartPointsMax, (count) => card.chart({ shape: "line", labels: numbers(count), values: numbers(count) })],
  ["components", componentsMax, (count) => new TaskCard().extend(Array.from({ length: count }, () => card.markdown("a")))],
];

for (const [what, max, make] of limits) {
  test(`a card takes up to ${max} ${what}, and says what to do about more`, () => {
    make(max);
    assert.throws(
      () => make(max + 1),
      (error) => error instanceof CardError && error.message.includes(`at most ${max}`),
    );
  });
}

test("a card as a whole is bounded, and what would be too much changes nothing on it", () => {
  const whole = new TaskCard();
  const image = card.image({ png: pngOf(imageBytesMax), alt: "a" });
  for (let bytes = imageBytesMax; bytes <= cardBytesMax; bytes += imageBytesMax) whole.append(image);
  const before = whole.components.length;
  assert.throws(
    () => whole.append(card.markdown("one"), card.markdown("more")),
    /at most 33554432 are possible; keep what is larger as an artifact/,
  );
  assert.equal(whole.components.length, before);
  whole.clear();
  assert.equal(whole.kept(), null);
  whole.append(image);
});

const wrong: readonly [make: () => unknown, message: RegExp][] = [
  // @ts-expect-error a number is no text
  [() => card.markdown(4), /^markdown: text is 4; give a string$/],
  [() => card.table({ headers: ["a", "b"], rows: [[1, 2], [3]] }), /^table: row 1 has 1 cells where there are 2 headers$/],
  [
    () => card.table({ headers: ["a"], rows: [[{} as Cell]] }),
    /^table: row 0, column 0 is of type object; a cell is a string, a number, a boolean or null$/,
  ],
  [() => card.table({ headers: [], rows: [] }), /^table: it has no headers; name its columns$/],
  [() => card.image({ png, alt: " " }), /^image: it has no alt; say in words what it shows/],
  [() => card.image({ jpeg: png, alt: "a" }), /^image: its bytes are no jpeg image$/],
  [() => card.image({ svg: "<html>", alt: "a" }), /^image: its bytes are no svg image$/],
  // @ts-expect-error an image has bytes
  [() => card.image({ alt: "a" }), /^image: give its bytes as png, jpeg or svg$/],
  [() => card.chart({ shape: "bar", labels: ["a"], values: [1, 2] }), /^chart: 2 values for 1 labels$/],
  [() => card.chart({ shape: "bar", labels: ["a"], values: [Number.NaN] }), /^chart: value 0 is NaN/],
  [() => card.progress({ label: "a", done: -1, total: 2 }), /^progress: done is -1; give a number that is 0 or more$/],
  [() => card.json(undefined), /^json: undefined has no JSON$/],
  [() => card.json(1n), /^json: the value has no JSON: .*BigInt/],
  // @ts-expect-error a text is no component
  [() => new TaskCard().append("## Fit"), /^a component is made by card\.markdown\(\.\.\.\).*; this is "## Fit"$/],
  // @ts-expect-error there are no videos
  [() => new TaskCard().append({ kind: "video" }), /^a card has no component of kind "video"; there are markdown, table/],
];

for (const [make, message] of wrong) {
  test(`what cannot be on a card is refused where it is made: ${message.source.slice(1, 60)}`, () => {
    assert.throws(make, { name: "CardError", message });
  });
}
