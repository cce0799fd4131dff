import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

/** The fields that the page names, by event. */
const documented = new Map(
  [...read("../../docs/events.md").matchAll(/^\| `([\w.]+)` \| .* \| (.*)\|$/gm)].map(([, event, fields]) => [
    event,
    new Set([...(fields ?? "").matchAll(/`(\w+)`/g)].map(([, name]) => name)),
  ]),
);

void test("every event that the stream can hold is on the page about it, and no other", () => {
  const named = [...read("./event-documents.ts").matchAll(/event: "([\w.]+)"/g)].map(([, event]) => event ?? "");
  assert.deepEqual(new Set(documented.keys()), new Set(named));
  assert.equal(documented.size, named.length);
});

void test("every field of every event is on the page", () => {
  const lines = read("../golden/run-jsonl.txt").trimEnd().split("\n");
  const unknown = lines.flatMap((line) => {
    const { event, ...fields } = JSON.parse(line) as { event: string };
    const known = documented.get(event);
    return Object.keys(fields).flatMap((name) =>
      known?.has(name) || ["pathspec", "seq", "at"].includes(name) ? [] : [`${event}.${name}`],
    );
  });
  assert.ok(lines.length > 10);
  assert.deepEqual([...new Set(unknown)], []);
});
