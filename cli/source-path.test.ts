import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf, placeText, sourcePathOf } from "./source-path.ts";

const view = { systemTags: ["user:ana", "file:../flows/sub/train.ts"] };
const failure = {
  kind: "userError",
  name: "Error",
  message: "",
  stack: "",
  place: { file: "../lib/helper.ts", line: 2, column: 9 },
} as const;

void test("a place is told from the folder that the reader is in, not from that of the flow's file", () => {
  for (const [cwd, expected] of [
    ["/project", "flows/lib/helper.ts:2:9"],
    ["/project/flows", "lib/helper.ts:2:9"],
    ["/project/flows/sub", "../lib/helper.ts:2:9"],
  ] as const) {
    const place = placeOf(failure, sourcePathOf(view, { dir: "/project/.stepwell", cwd }));
    assert.equal(place && placeText(place), expected);
  }
});

void test("where nobody knows the flow's file, a place stays as the run has it", () => {
  const path = sourcePathOf({ systemTags: [] }, { dir: "/project/.stepwell", cwd: "/elsewhere" });
  assert.equal(placeOf(failure, path)?.file, "../lib/helper.ts");
});
