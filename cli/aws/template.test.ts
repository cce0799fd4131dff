import assert from "node:assert/strict";
import { test } from "node:test";
import { packagedTemplate, parameterNames, parseGiven, withoutKeeping } from "./template.ts";

test("the parameters of the packaged template are found", () => {
  const names = parameterNames(packagedTemplate());
  assert.equal(names[0], "Package");
  assert.ok(names.includes("ExistingKey"));
  assert.ok(!names.includes("HasGpu") && !names.includes("Vpc"));
});

test("a value may hold an equals sign, and an unknown parameter is refused with what was meant", () => {
  assert.deepEqual([...parseGiven(["Package=https://example.org/a.tgz?b=c"], ["Package"])], [["Package", "https://example.org/a.tgz?b=c"]]);
  assert.throws(() => parseGiven(["Pakage=1"], ["Package"]), /--set Pakage: the stack has no such parameter/);
  assert.throws(() => parseGiven(["Package"], ["Package"]), /--set expects NAME=VALUE/);
});

test("a template that keeps nothing differs from the packaged one in what keeps, and in a mark for each", () => {
  const before = packagedTemplate().split("\n");
  const after = withoutKeeping(packagedTemplate()).split("\n");
  const changed = after.filter((line, index) => line !== before[index]).map((line) => line.trim());
  const kept = before.filter((line) => line.trim() === "DeletionPolicy: RetainExceptOnCreate").length;
  assert.equal(kept, 3);
  assert.deepEqual(changed.toSorted(), [
    ...Array<string>(kept).fill("DeletionPolicy: Delete"),
    ...Array<string>(kept).fill("Metadata: { Data: deleted }"),
  ]);
});
