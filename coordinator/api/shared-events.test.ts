import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecordedEvent } from "../../proto/event.ts";
import { parseRunId } from "../../proto/ids.ts";
import { chunkEvents, SharedEvents } from "./shared-events.ts";

const run = parseRunId("F/1");

/** A run's events; what is read is what is there when the reading begins, and comes when the test lets it. */
class Story {
  length: number;
  reads = 0;
  #gate = Promise.withResolvers<void>();

  constructor(length: number) {
    this.length = length;
  }

  async *read(_: unknown, afterSeq: number): AsyncGenerator<RecordedEvent> {
    this.reads += 1;
    const { length } = this;
    await this.#gate.promise;
    for (let seq = afterSeq + 1; seq <= length; seq += 1) yield { seq, event: { kind: "runStarted", atMs: seq } };
  }

  release(): void {
    this.#gate.resolve();
  }
}

async function seqsAfter(events: SharedEvents, seq: number): Promise<readonly number[]> {
  return (await Array.fromAsync(events.after(run, seq))).flat().map((event) => event.seq);
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

void test("those who read the same at the same time cost one reading, wherever they begin", async () => {
  const story = new Story(3 * chunkEvents + 7);
  const events = new SharedEvents(story);
  const places = [0, 0, 10, chunkEvents, 2 * chunkEvents - 1, story.length];
  const reading = places.flatMap((place) => Array.from({ length: 20 }, () => seqsAfter(events, place)));
  story.release();
  for (const [at, seqs] of (await Promise.all(reading)).entries())
    assert.deepEqual(seqs, range((places[Math.floor(at / 20)] ?? 0) + 1, story.length));
  assert.ok(story.reads <= 8, `${story.reads} readings`);
});

void test("who asks when something has been added sees it, though others are reading already", async () => {
  const story = new Story(3);
  const events = new SharedEvents(story);
  const early = seqsAfter(events, 0);
  await new Promise((resolve) => setImmediate(resolve));
  story.length = 5;
  const late = [seqsAfter(events, 0), seqsAfter(events, 1), seqsAfter(events, 0)];
  story.release();
  assert.deepEqual(await early, [1, 2, 3]);
  assert.deepEqual(await Promise.all(late), [range(1, 5), range(2, 5), range(1, 5)]);
  assert.equal(story.reads, 2);
});

void test("a reading that fails fails for all, and is begun again for the next", async () => {
  const story = new Story(3);
  const broken = { fails: true };
  const events = new SharedEvents({
    read: (of, after) => {
      if (broken.fails) throw new Error("no such disk");
      return story.read(of, after);
    },
  });
  story.release();
  await Promise.all([assert.rejects(seqsAfter(events, 0), /no such disk/), assert.rejects(seqsAfter(events, 0), /no such disk/)]);
  broken.fails = false;
  assert.deepEqual(await seqsAfter(events, 0), [1, 2, 3]);
});
