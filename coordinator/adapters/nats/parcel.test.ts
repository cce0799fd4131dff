import assert from "node:assert/strict";
import { test } from "node:test";
import { queuedTask } from "../../ports/task-queue.conformance.ts";
import { Parcel } from "./parcel.ts";

const parcelOf = (count: number): Parcel =>
  new Parcel(
    Array.from({ length: count }, (_, index) => queuedTask(index)),
    { ackSubject: "first", nowMs: 1 },
  );
const open = { kind: "open" };

test("hints are given in turn, and counted as waiting or taken", () => {
  const parcel = parcelOf(3);
  assert.deepEqual(parcel.next(), { index: 0, queued: queuedTask(0) });
  assert.deepEqual(parcel.next()?.index, 1);
  assert.deepEqual([parcel.waiting, parcel.taken], [1, 2]);
  assert.deepEqual(parcel.next()?.index, 2);
  assert.equal(parcel.next(), null);
});

test("C1: the message is acknowledged with the last of its hints, in whatever order, and once", () => {
  const parcel = parcelOf(3);
  while (parcel.next() !== null);
  assert.deepEqual([parcel.acknowledge(2), parcel.acknowledge(2), parcel.acknowledge(0)], [open, open, open]);
  assert.deepEqual(parcel.acknowledge(1), { kind: "acknowledge" });
  assert.deepEqual(parcel.acknowledge(1), open);
});

test("C1: with one refused the message is refused for the longest delay, once all are settled", () => {
  const parcel = parcelOf(3);
  while (parcel.next() !== null);
  assert.deepEqual([parcel.refuse(0, 10), parcel.refuse(0, 99), parcel.acknowledge(1)], [open, open, open]);
  assert.deepEqual(parcel.refuse(2, 20), { kind: "refuse", delayMs: 20 });
});

test("C2: what comes again gives what was refused or never settled, not what was acknowledged", () => {
  const parcel = parcelOf(3);
  while (parcel.next() !== null);
  parcel.acknowledge(1);
  parcel.refuse(0, 10);
  parcel.cameAgain({ ackSubject: "second", nowMs: 2 });
  assert.deepEqual([parcel.ackSubject, parcel.takenOnceMs, parcel.waiting, parcel.taken], ["second", 2, 2, 1]);
  assert.deepEqual([parcel.next()?.index, parcel.next()?.index, parcel.next()], [0, 2, null]);
  assert.deepEqual(parcel.acknowledge(0), open);
  assert.deepEqual(parcel.acknowledge(2), { kind: "acknowledge" });
});

test("an acknowledgement that comes late, while the hint waits again, counts", () => {
  const parcel = parcelOf(1);
  parcel.next();
  parcel.cameAgain({ ackSubject: "second", nowMs: 2 });
  assert.deepEqual(parcel.acknowledge(0), { kind: "acknowledge" });
  assert.equal(parcel.next(), null);
});
