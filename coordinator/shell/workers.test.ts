import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRunId } from "../../proto/ids.ts";
import { needsOfStep } from "../core/needs.ts";
import { node } from "../../test/coordinator/graphs.ts";
import { hello } from "../../test/coordinator/hello.ts";
import { Workers, type Wanted, type Worker } from "./workers.ts";

const run = parseRunId("Fan/1");
const needs = needsOfStep(node("work", { kind: "end" }));

type Connected = { readonly slots?: number; readonly credit?: number; readonly runs?: readonly string[] };

function connect(workers: Workers, id: string, { slots = 4, credit = slots, runs = [] }: Connected = {}): Worker {
  const said = { ...hello, worker: id, slots, cpu: 4, memoryMiB: 1024, runs };
  const worker = workers.connect(said, { send: () => undefined, end: () => undefined }, { nowMs: 0 });
  workers.addCredit(worker, credit);
  return worker;
}

function wanted(more: Partial<Wanted> = {}): Wanted {
  return { needs, whose: { run, namespace: "user:ada" }, shape: needs.key, bond: null, near: null, silentSinceMs: 0, ...more };
}

void test("what fills the room of a run's own workers goes to these alone", () => {
  const workers = new Workers();
  connect(workers, "shared");
  const own = connect(workers, "own", { credit: 0, runs: [run] });
  const bond = `run:${run}`;
  assert.deepEqual(workers.bondsTo({ run, namespace: "user:ada" }), [bond]);
  assert.deepEqual([workers.capacityFor(needs, bond), workers.capacityFor(needs, null)], [4, 4]);
  assert.equal(workers.choose(wanted({ bond })), null);
  assert.equal(workers.choose(wanted())?.id, "shared");
  workers.addCredit(own, 1);
  assert.equal(workers.choose(wanted({ bond })), own);
  workers.disconnect(own);
  assert.deepEqual(workers.bondsTo({ run, namespace: "user:ada" }), []);
});

void test("of equally free workers each has its turn, and the freest goes first", () => {
  const workers = new Workers();
  for (const id of ["a", "b", "c"]) connect(workers, id, { slots: 2 });
  connect(workers, "fuller", { slots: 2, credit: 1 });
  const chosen = Array.from({ length: 8 }, () => workers.choose(wanted())?.id ?? null);
  assert.deepEqual(new Set(chosen.slice(0, 3)), new Set(["a", "b", "c"]));
  assert.deepEqual(new Set(chosen.slice(3, 7)), new Set(["a", "b", "c", "fuller"]));
  assert.equal(chosen[7], null);
});

void test("a silent worker and one that leaves get nothing", () => {
  const workers = new Workers();
  const silent = connect(workers, "silent");
  workers.drain(connect(workers, "leaving"));
  assert.equal(workers.choose(wanted({ silentSinceMs: 1 })), null);
  silent.heardAtMs = 1;
  assert.equal(workers.choose(wanted({ silentSinceMs: 1 })), silent);
  assert.equal(workers.capacityFor(needs, null), 4);
});

void test("a worker that is kept for a shape takes no other, until one of it has come", () => {
  const workers = new Workers();
  const worker = connect(workers, "a");
  assert.equal(workers.reserve(wanted({ shape: "large" })), worker);
  assert.equal(workers.reserve(wanted({ shape: "larger" })), null);
  assert.equal(workers.choose(wanted()), null);
  assert.equal(workers.choose(wanted({ shape: "large" })), worker);
  assert.equal(workers.choose(wanted()), worker);
});
