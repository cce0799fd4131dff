// Our SHA-256 is the one that everybody has.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { sha256OfText } from "./digest.ts";

function expected(text: string): string {
  return createHash("sha256").update(text.toWellFormed()).digest("hex");
}

test("texts of every length around the ends of blocks have the digest that Node finds", () => {
  for (let length = 0; length < 200; length++) assert.equal(sha256OfText("a".repeat(length)), expected("a".repeat(length)));
});

test("whatever the text is made of, its bytes in UTF-8 are digested", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => sha256OfText(text) === expected(text)));
  assert.equal(sha256OfText("%41 ä € 😀 \ud800"), expected("%41 ä € 😀 \ud800"));
});
