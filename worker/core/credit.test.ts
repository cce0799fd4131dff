import assert from "node:assert/strict";
import { test } from "node:test";
import { creditToAsk } from "./credit.ts";

test("a worker asks for as many assignments as it has free slots that it hasn't asked for yet", () => {
  assert.equal(creditToAsk({ slots: 4, running: 1, asked: 0, draining: false }), 3);
  assert.equal(creditToAsk({ slots: 4, running: 1, asked: 2, draining: false }), 1);
});

test("a full worker and one that drains ask for nothing", () => {
  assert.equal(creditToAsk({ slots: 2, running: 2, asked: 0, draining: false }), 0);
  assert.equal(creditToAsk({ slots: 2, running: 3, asked: 0, draining: false }), 0);
  assert.equal(creditToAsk({ slots: 2, running: 0, asked: 0, draining: true }), 0);
});
