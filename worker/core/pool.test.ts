import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseEvicted, chooseProcess, sparesToStart, type PooledProcess, type Wanted } from "./pool.ts";

const wanted: Wanted = { environment: "", codePackage: "a", isolated: false };

function process(id: number, over: Partial<PooledProcess> = {}): PooledProcess {
  return { id, kind: "idle", environment: "", codePackage: null, once: false, ...over };
}

test("a process that has run the same code package is preferred to a fresh one, and that to one that is starting", () => {
  const starting = process(1, { kind: "starting" });
  const fresh = process(2);
  const warm = process(3, { codePackage: "a" });
  assert.equal(chooseProcess([starting, fresh, warm], wanted), warm);
  assert.equal(chooseProcess([starting, fresh], wanted), fresh);
  assert.equal(chooseProcess([starting], wanted), starting);
});

test("a busy process, another package's, or one with other variables is not chosen", () => {
  assert.equal(
    chooseProcess([process(1, { kind: "busy" }), process(2, { codePackage: "b" }), process(3, { environment: "X" })], wanted),
    null,
  );
});

test("an isolated order gets a process that has run nothing", () => {
  const isolated = { ...wanted, isolated: true };
  assert.equal(chooseProcess([process(1, { codePackage: "a" })], isolated), null);
  assert.equal(chooseProcess([process(1, { codePackage: "a" }), process(2)], isolated)?.id, 2);
});

test("an idle process makes room only where all slots have one, the one that has run something first", () => {
  const busy = process(1, { kind: "busy", codePackage: "a" });
  assert.equal(chooseEvicted([busy, process(2)], 2), null);
  assert.equal(chooseEvicted([busy, process(2), process(3, { codePackage: "b" })], 2)?.id, 3);
  assert.equal(chooseEvicted([busy, busy, busy], 2), null);
});

test("no spares are started while processes can be used again", () => {
  assert.equal(sparesToStart([process(1, { kind: "busy", codePackage: "a" })], 2, [false, false]), 0);
});

test("spares are started when processes get used up, but never more than one process beyond the slots is alive", () => {
  const busy = process(1, { kind: "busy", codePackage: "a" });
  assert.equal(sparesToStart([busy, busy], 2, [true]), 1);
  assert.equal(sparesToStart([busy, busy, process(3)], 2, [true]), 0);
  assert.equal(sparesToStart([], 2, [true]), 2);
});
