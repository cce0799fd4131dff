// A strict reader of Prometheus' text format, which takes nothing that the format does not allow.

import assert from "node:assert/strict";

export type Sample = { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number };
export type Family = { readonly name: string; readonly type: string; readonly help: string; readonly samples: readonly Sample[] };

const nameShape = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelShape = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const suffixes: Readonly<Record<string, readonly string[]>> = { counter: [""], gauge: [""], histogram: ["_bucket", "_sum", "_count"] };

type Open = { readonly name: string; readonly help: string; type: string | null; readonly samples: Sample[] };

/** @throws AssertionError that names the line */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  assert.ok(text.endsWith("\n"), "the last line ends in a line feed");
  const families = new Map<string, Family>();
  let open: Open | null = null;
  const close = (): void => {
    if (open === null) return;
    const { name, help, type, samples } = open;
    assert.ok(type !== null, `${name} has a type`);
    assert.ok(!families.has(name), `${name} is there once, all of it together`);
    const family = { name, help, type, samples };
    checkFamily(family);
    families.set(name, family);
  };
  for (const line of text.slice(0, -1).split("\n")) {
    const [, comment, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/s.exec(line) ?? [];
    if (comment === "HELP") {
      close();
      assert.match(name, nameShape, line);
      open = { name, help: rest, type: null, samples: [] };
    } else if (comment === "TYPE") {
      assert.ok(
        open !== null && open.name === name && open.type === null && open.samples.length === 0,
        `the type follows the help: ${line}`,
      );
      assert.ok(rest in suffixes, `a known type: ${line}`);
      open.type = rest;
    } else {
      assert.ok(open !== null && open.type !== null, `a sample follows help and type: ${line}`);
      const sample = parseSample(line);
      const known = open.name;
      assert.ok(
        suffixes[open.type]?.some((suffix) => sample.name === known + suffix),
        `${sample.name} belongs to ${known}`,
      );
      open.samples.push(sample);
    }
  }
  close();
  return families;
}

function parseSample(line: string): Sample {
  const [, name = "", block, number = ""] = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/s.exec(line) ?? [];
  assert.match(name, nameShape, `a sample: ${line}`);
  assert.match(number, /^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/, `a number: ${line}`);
  const labels: Record<string, string> = {};
  let rest = block ?? "";
  while (rest !== "") {
    const [whole, label = "", value = ""] = /^([^=]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)/s.exec(rest) ?? [];
    assert.ok(whole !== undefined, `labels: ${line}`);
    assert.match(label, labelShape, line);
    assert.ok(!(label in labels), `each label once: ${line}`);
    labels[label] = value.replaceAll(/\\(.)/gs, (_, character: string) => (character === "n" ? "\n" : character));
    rest = rest.slice(whole.length);
  }
  const value = number.endsWith("Inf") ? (number.startsWith("-") ? -Infinity : Infinity) : Number(number);
  return { name, labels, value };
}

function checkFamily({ name, type, samples }: Family): void {
  const keys = samples.map((sample) => `${sample.name} ${seriesOf(sample.labels)}`);
  assert.equal(new Set(keys).size, keys.length, `${name}: each series once`);
  if (type === "counter") for (const { value } of samples) assert.ok(value >= 0, `${name} counts up`);
  if (type !== "histogram") return;
  const groups = Map.groupBy(samples, ({ labels }) => JSON.stringify({ ...labels, le: "" }));
  for (const group of groups.values()) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => (labels["le"] === "+Inf" ? Infinity : Number(labels["le"])));
    assert.deepEqual(
      bounds,
      [...bounds].sort((a, b) => a - b),
      `${name}: bounds rise`,
    );
    assert.equal(bounds.at(-1), Infinity, `${name} has a bucket for everything`);
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => a - b),
      `${name}: buckets hold those below them`,
    );
    assert.equal(group.find((sample) => sample.name === `${name}_count`)?.value, counts.at(-1), `${name}: all are counted`);
    assert.ok(
      group.some((sample) => sample.name === `${name}_sum`),
      `${name} has a sum`,
    );
  }
}

/** The value of the one series with exactly these labels; 0 where there is none. */
export function valueOf(families: ReadonlyMap<string, Family>, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const family = [...families.values()].find(
    ({ samples, name: known }) => known === name || samples.some((sample) => sample.name === name),
  );
  assert.ok(family !== undefined, `there is a metric ${name}`);
  const wanted = seriesOf(labels);
  return family.samples.find((one) => one.name === name && seriesOf(one.labels) === wanted)?.value ?? 0;
}

/** The same for equal labels, in whatever order they are written. */
function seriesOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
