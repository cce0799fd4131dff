import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlowName, parseStepName, runIdOf, taskIdOf } from "../../../proto/ids.ts";
import type { QueuedTask } from "../../ports/task-queue.ts";
import { encodeHint, hintBytesMax, parseDelivery, parseHint } from "./hint.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("a hint comes back as it was, and stays under its limit with the longest names and eight nested foreaches", () => {
  const long = "N".repeat(128);
  const task: QueuedTask = {
    run: runIdOf(parseFlowName(long), 999_999_999_999_999),
    task: taskIdOf(
      parseStepName(long),
      Array.from({ length: 8 }, () => 99_999),
    ),
    attempt: 1000,
  };
  const encoded = encodeHint(task);
  assert.deepEqual(parseHint(encoded), task);
  assert.ok(encoded.length < hintBytesMax / 2, String(encoded.length));
});

test("bytes that are no hint are told from one", () => {
  const good = { run: "Flow/1", task: "train/0", attempt: 0 };
  assert.deepEqual(parseHint(bytes(JSON.stringify(good))), good);
  const bad = [
    "",
    "{",
    "null",
    "7",
    "[]",
    "{}",
    JSON.stringify({ ...good, run: "Flow" }),
    JSON.stringify({ ...good, run: 1 }),
    JSON.stringify({ ...good, task: "train" }),
    JSON.stringify({ ...good, attempt: -1 }),
    JSON.stringify({ ...good, attempt: 0.5 }),
    JSON.stringify({ ...good, attempt: "0" }),
    JSON.stringify({ ...good, run: `${"F".repeat(hintBytesMax)}/1` }),
  ];
  for (const text of bad) assert.equal(parseHint(bytes(text)), null, text);
  assert.equal(parseHint(new Uint8Array([0x22, 0xff, 0x22])), null);
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
