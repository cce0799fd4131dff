// mergeArtifacts against a plain statement of its rule.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { ArtifactRef, Artifacts } from "../../proto/artifact.ts";
import { parseSha256 } from "../../proto/ids.ts";
import { mergeable, MergeError } from "./merge.ts";

function ref(value: number): ArtifactRef {
  return { kind: "stored", sha256: parseSha256(String(value).padStart(64, "0")), size: 1, type: "number", place: { kind: "blob" } };
}

const names = ["a", "b", "c", "d"];
const artifacts = fc.dictionary(fc.constantFrom(...names), fc.integer({ min: 0, max: 1 }).map(ref));
const row = fc.record({ own: artifacts, missing: fc.subarray(names) });

test("a name is taken if all inputs that have it agree, else it is a conflict; names that are set are left alone", () => {
  fc.assert(
    fc.property(
      fc.record({
        base: artifacts,
        rows: fc.array(row, { minLength: 1, maxLength: 4 }),
        set: fc.subarray(names),
        exclude: fc.subarray(names),
      }),
      ({ base, rows, set, exclude }) => {
        const visible: Artifacts[] = rows.map(({ own, missing }) => {
          const inherited = Object.fromEntries(Object.entries(base).filter(([name]) => !missing.includes(name)));
          return { ...inherited, ...own };
        });
        const expected: Record<string, ArtifactRef> = {};
        const conflicts: string[] = [];
        for (const name of names.filter((name) => !set.includes(name) && !exclude.includes(name))) {
          const values = visible.flatMap((input) => input[name] ?? []);
          const [first] = values;
          if (first === undefined) continue;
          if (values.every((value) => JSON.stringify(value) === JSON.stringify(first))) expected[name] = first;
          else conflicts.push(name);
        }
        const merge = () => mergeable({ base, rows, include: null, exclude, isSet: (name) => set.includes(name) });
        if (conflicts.length === 0) assert.deepEqual(merge(), expected);
        else assert.throws(merge, (error) => error instanceof MergeError && error.artifacts.toSorted().join() === conflicts.join());
      },
    ),
    { numRuns: 2000 },
  );
});

test("include takes only those, and a name that no input has is refused unless the join has set it", () => {
  const rows = [{ own: { a: ref(1), b: ref(2) }, missing: [] }];
  const request = { base: {}, rows, exclude: null, isSet: (name: string) => name === "d" };
  assert.deepEqual(mergeable({ ...request, include: ["a", "d"] }), { a: ref(1) });
  assert.throws(() => mergeable({ ...request, include: ["a", "c"] }), /no input has c/);
});

test("include and exclude exclude each other", () => {
  assert.throws(
    () => mergeable({ base: {}, rows: [], include: ["a"], exclude: ["b"], isSet: () => false }),
    /give include or exclude, not both/,
  );
});

test("two errors caught from the same task agree, others do not", () => {
  const caught = (attempt: number): ArtifactRef => ({
    kind: "caught",
    task: "a/0" as never,
    attempt,
    failure: { kind: "signal", signal: "SIGKILL" },
  });
  const merge = (other: ArtifactRef) =>
    mergeable({
      base: {},
      rows: [
        { own: { e: caught(0) }, missing: [] },
        { own: { e: other }, missing: [] },
      ],
      include: null,
      exclude: null,
      isSet: () => false,
    });
  assert.deepEqual(merge(caught(0)), { e: caught(0) });
  assert.throws(() => merge(caught(1)), MergeError);
});
