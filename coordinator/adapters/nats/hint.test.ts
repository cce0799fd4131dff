import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlowName, parseStepName, runIdOf, taskIdOf } from "../../../proto/ids.ts";
import type { QueuedTask } from "../../ports/task-queue.ts";
import { messageBytesMax, packHints, parseDelivery, parseHints } from "./hint.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const long = "N".repeat(128);
const longest: QueuedTask = {
  run: runIdOf(parseFlowName(long), 999_999_999_999_999),
  task: taskIdOf(
    parseStepName(long),
    Array.from({ length: 8 }, () => 99_999),
  ),
  attempt: 1000,
};
const short = (index: number): QueuedTask => ({
  run: runIdOf(parseFlowName("F"), 1),
  task: taskIdOf(parseStepName("s"), [index]),
  attempt: 0,
});

test("hints come back as they were and in their order, in messages that stay under their limit", () => {
  for (const tasks of [[], [longest], Array.from({ length: 9 }, () => longest), Array.from({ length: 1000 }, (_, index) => short(index))]) {
    const messages = packHints(tasks);
    assert.deepEqual(
      messages.flatMap(({ data }) => parseHints(data)),
      tasks,
    );
    for (const { data, count } of messages) {
      assert.equal(parseHints(data)?.length, count);
      assert.ok(data.length <= messageBytesMax - 100, String(data.length));
    }
  }
});

test("a message is filled before the next is begun", () => {
  const counts = packHints(Array.from({ length: 1000 }, (_, index) => short(index))).map(({ count }) => count);
  assert.ok(
    counts.slice(0, -1).every((count) => count > 40),
    counts.join(),
  );
  assert.deepEqual(
    packHints([longest, longest, longest]).map(({ count }) => count),
    [2, 1],
  );
});

test("bytes that are no hints are told from some", () => {
  const good = ["Flow/1", "train/0", 0];
  assert.deepEqual(parseHints(bytes(JSON.stringify([good]))), [{ run: "Flow/1", task: "train/0", attempt: 0 }]);
  const bad = [
    ["Flow", "train/0", 0],
    [1, "train/0", 0],
    ["Flow/1", "train", 0],
    ["Flow/1", "train/0", -1],
    ["Flow/1", "train/0", 0.5],
    ["Flow/1", "train/0", "0"],
    ["Flow/1", "train/0"],
    ["Flow/1", "train/0", 0, 0],
    [`${"F".repeat(messageBytesMax)}/1`, "train/0", 0],
    null,
    7,
    {},
  ];
  for (const hint of bad) {
    assert.equal(parseHints(bytes(JSON.stringify([hint]))), null, JSON.stringify(hint));
    assert.equal(parseHints(bytes(JSON.stringify([good, hint]))), null, "one that is none spoils all");
  }
  for (const text of ["", "{", "null", "7", "[]", "{}"]) assert.equal(parseHints(bytes(text)), null, text);
  assert.equal(parseHints(new Uint8Array([0x22, 0xff, 0x22])), null);
});

test("a message's place is read from the acknowledgement subjects of older and newer servers", () => {
  assert.deepEqual(parseDelivery("$JS.ACK.stream.coordinator.2.17.39.1795523740877711167.5"), { streamSeq: 17, consumerSeq: 39 });
  assert.deepEqual(parseDelivery("$JS.ACK.hub.hash.stream.coordinator.2.17.39.1795523740877711167.5"), { streamSeq: 17, consumerSeq: 39 });
  assert.deepEqual(parseDelivery("$JS.ACK._.hash.stream.coordinator.2.17.39.1795523740877711167.5.token"), {
    streamSeq: 17,
    consumerSeq: 39,
  });
  for (const other of ["", "_INBOX.a.b", "$JS.ACK", "$JS.ACK.a.b.c.d.e.f.g", "$JS.API.stream.coordinator.2.17.39.1.5"])
    assert.equal(parseDelivery(other), null, other);
});
