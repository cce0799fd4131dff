import assert from "node:assert/strict";
import { test } from "node:test";
import { permissions } from "../../coordinator/api/access/permissions.ts";
import { readMarkdown } from "./markdown.ts";

test("docs/security.md has the table that the coordinator decides by", () => {
  const rows = [...readMarkdown("docs/security.md").matchAll(/^\| `([^`]+)` \| (yes|-) \| (yes|-) \| (yes|-) \| (yes|-) \| (yes|-) \|$/gm)];
  const expected = [...permissions()].map(([action, who]) => [
    action,
    ...(["reader", "runner", "worker", "admin"] as const).map((role) => (who === "anyone" || who.includes(role) ? "yes" : "-")),
    who === "anyone" ? "yes" : "-",
  ]);
  assert.deepEqual(
    rows.map((row) => row.slice(1)),
    expected,
  );
});
