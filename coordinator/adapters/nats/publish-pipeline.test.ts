import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect, type Msg, type NatsConnection } from "nats";
import { NatsServer } from "../../../test/cluster/nats-server.ts";
import { ManualClock } from "../manual-clock.ts";
import { inFlightMax, PublishPipeline, type Outgoing } from "./publish-pipeline.ts";

const options = { timeout: 30_000 };
const timeoutMs = 5000;

let server: NatsServer;
let own: NatsConnection;
let other: NatsConnection;
before(async () => {
  server = await NatsServer.start({ jetstream: null });
  own = await connect({ servers: server.url });
  other = await connect({ servers: server.url });
});
after(async () => {
  await own.close();
  await other.close();
  await server.close();
});

/** Stands for a stream: answers when the test says so. */
async function listen(subject: string): Promise<Msg[]> {
  const received: Msg[] = [];
  other.subscribe(subject, { callback: (_, message) => received.push(message) });
  await other.flush();
  return received;
}

const stored = (message: Msg | undefined): boolean | undefined => message?.respond(JSON.stringify({ stream: "s", seq: 1 }));
const outgoing = (subject: string, count: number): readonly Outgoing[] =>
  Array.from({ length: count }, (_, index) => ({ subject, data: new TextEncoder().encode(String(index)), count: 2 }));

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function open(t: { after(act: () => void): void }): { readonly clock: ManualClock; readonly pipeline: PublishPipeline } {
  const clock = new ManualClock();
  const pipeline = new PublishPipeline({ clock, timeoutMs });
  pipeline.attach(own);
  t.after(() => pipeline.close());
  return { clock, pipeline };
}

test("P2: one more than may be in flight waits until another is acknowledged", options, async (t) => {
  const { pipeline } = open(t);
  const received = await listen("window");
  const publishing = pipeline.publish(outgoing("window", inFlightMax + 1));
  await until(() => received.length === inFlightMax);
  await own.flush();
  await other.flush();
  assert.equal(received.length, inFlightMax);
  stored(received[0]);
  await until(() => received.length === inFlightMax + 1);
  received.slice(1).forEach(stored);
  const { stored: count, failed, homeless } = await publishing;
  assert.deepEqual([count, failed, homeless.length], [(inFlightMax + 1) * 2, 0, 0]);
});

test("P1: what is not acknowledged in time is unknown, sent or not, and counted", options, async (t) => {
  const { clock, pipeline } = open(t);
  const received = await listen("silent");
  const publishing = pipeline.publish(outgoing("silent", inFlightMax + 5));
  await until(() => received.length === inFlightMax);
  stored(received[3]);
  await until(() => received.length === inFlightMax + 1);
  clock.advance(timeoutMs);
  const { stored: count, failed, reason } = await publishing;
  assert.deepEqual([count, failed], [2, (inFlightMax + 4) * 2]);
  assert.match(reason, /no acknowledgement within 5000 ms/);
  assert.equal(clock.nextDueMs(), null, "nothing is left to look for");
});

test(
  "P3: after a reconnection what is in flight is sent again under its id; a late answer to the first counts once",
  options,
  async (t) => {
    const { pipeline } = open(t);
    const received = await listen("again");
    const publishing = pipeline.publish(outgoing("again", 2));
    await until(() => received.length === 2);
    pipeline.detach();
    pipeline.attach(own);
    await until(() => received.length === 4);
    const ids = received.map(({ headers }) => headers?.get("Nats-Msg-Id"));
    assert.deepEqual(ids.slice(0, 2), ids.slice(2));
    assert.equal(new Set(ids).size, 2);
    received.forEach(stored);
    assert.deepEqual((await publishing).stored, 4);
  },
);

test("answers are told apart: no stream, refused, cannot be stored, nonsense", options, async (t) => {
  const { pipeline } = open(t);
  const nowhere = await pipeline.publish(outgoing("nowhere", 3));
  assert.deepEqual([nowhere.homeless.length, nowhere.failed], [3, 0]);
  const received = await listen("strict");
  const publishing = pipeline.publish(outgoing("strict", 3));
  await until(() => received.length === 3);
  received[0]?.respond(JSON.stringify({ error: { code: 400, err_code: 10054, description: "message size exceeds maximum allowed" } }));
  received[1]?.respond("what?");
  stored(received[2]);
  const strict = await publishing;
  assert.deepEqual([strict.stored, strict.failed, strict.spoiled, strict.reason], [2, 4, false, "the answer is no acknowledgement"]);
  const spoiling = pipeline.publish(outgoing("strict", 1));
  await until(() => received.length === 4);
  received[3]?.respond(JSON.stringify({ error: { code: 503, err_code: 10077, description: "maximum bytes exceeded" } }));
  const { spoiled, reason } = await spoiling;
  assert.ok(spoiled && reason.includes("maximum bytes exceeded"));
});

test("closing settles what is under way as unknown", options, async (t) => {
  const { pipeline } = open(t);
  const received = await listen("closed");
  const publishing = pipeline.publish(outgoing("closed", 2));
  await until(() => received.length === 2);
  pipeline.close();
  assert.deepEqual(await publishing, { stored: 0, homeless: [], failed: 4, reason: "the queue has been closed", spoiled: false });
});
