import assert from "node:assert/strict";
import { test } from "node:test";
import picocolors from "picocolors";
import type { CardComponent } from "../../sdk/card/component.ts";
import { card } from "../../sdk/card/construct.ts";
import { compare } from "../golden/golden.ts";
import { cardLines } from "./card-lines.ts";

const plain = picocolors.createColors(false);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const all: readonly CardComponent[] = [
  card.markdown("# Fit of the tree\n\nSee [the report](https://example.org/)."),
  card.metric({ label: "accuracy", value: 0.9666666, change: 0.01 }),
  card.metric({ label: "depth", value: 3 }),
  card.metric({ label: "best", value: "gini", change: "was entropy" }),
  card.table({
    headers: ["name", "count", "good"],
    rows: [
      ["a\nb", 1, true],
      [null, 22.5, false],
      ["x".repeat(80), null, null],
    ],
  }),
  card.chart({ shape: "bar", title: "accuracy by fold", labels: ["one", "two"], values: [3, 1.5] }),
  card.chart({ shape: "line", labels: [1, 2, 3], values: [-1, 0, 1] }),
  card.image({ svg: "<svg/>", alt: "a curve" }),
  card.code("if (a < b)\n\tc();", "ts"),
  card.json({ depth: 3, names: ["x"] }),
  card.progress({ label: "epochs", done: 40, total: 100 }),
];

for (const [name, paint] of [
  ["plain", plain],
  ["color", picocolors.createColors(true)],
] as const) {
  test(`every component has its text: ${name}`, (context) => compare(context, `card-${name}`, cardLines(all, paint)));
}

test("what is too much for a terminal is cut, and said to be", () => {
  const rows = cardLines([card.table({ headers: ["n"], rows: range(51).map((n) => [n]) })], plain);
  assert.deepEqual([rows.length, rows.at(-1)], [52, "showing 50 of 51 rows; all of them: --html"]);
  assert.equal(cardLines([card.table({ headers: ["n"], rows: range(50).map((n) => [n]) })], plain).length, 51);
  const values = cardLines([card.chart({ shape: "bar", labels: range(1000), values: range(1000) })], plain);
  assert.deepEqual([values.length, values.at(-1)], [51, "showing 50 of 1,000 values; all of them: --html"]);
  assert.equal(cardLines([card.json(range(500))], plain).at(-1), "showing 200 of 502 lines; all of them: --html");
});

test("nothing on a card reaches the terminal but text", () => {
  const text = "a\u001B[2J\u001B]0;title\u0007\r\u009B5mb";
  const components: readonly CardComponent[] = [
    card.markdown(text),
    card.table({ headers: [text], rows: [[text]] }),
    card.metric({ label: text, value: text, change: text }),
    card.code(text, text),
    card.json(text),
    card.progress({ label: text, done: 1, total: 2 }),
    card.chart({ shape: "bar", title: text, labels: [text], values: [1] }),
    card.image({ svg: "<svg/>", alt: text }),
  ];
  // oxlint-disable-next-line no-control-regex -- they are what must not be there
  assert.doesNotMatch(cardLines(components, plain).join(""), /[\u0000-\u001F\u007F-\u009F]/);
});
