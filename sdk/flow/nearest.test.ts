// Which known name a mistyped one stands for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "./nearest.ts";

test("a slip of the finger finds the name, anything further finds none", () => {
  const known = ["train", "start", "end", "join"];
  assert.equal(nearest("trian", known), "train");
  assert.equal(nearest("Start", known), "start");
  assert.equal(nearest("ned", known), "end");
  assert.equal(nearest("jon", known), "join");
  assert.equal(nearest("evaluate", known), null);
  assert.equal(nearest("x", []), null);
});
