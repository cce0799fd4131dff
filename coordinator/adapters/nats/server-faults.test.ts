// What a NATS server may do to the queue: end, forget, lose its disk, hold strange things.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test, type TestContext } from "node:test";
import { connect, type NatsConnection } from "nats";
import { TestLog } from "../../../test/coordinator/harness.ts";
import { NatsServer } from "../../../test/cluster/nats-server.ts";
import { indexesOf, queuedTask } from "../../ports/task-queue.conformance.ts";
import type { TakenTask, TaskQueue } from "../../ports/task-queue.ts";
import { SystemClock } from "../system-clock.ts";
import { openNatsTaskQueue, type NatsTaskQueueOptions } from "./nats-task-queue.ts";
import { prefetchMax } from "./pool-pull.ts";
import { streamBytesMax } from "./pool-stream.ts";
import { natsServers } from "./servers.ts";

const options = { timeout: 30_000 };
const clock = new SystemClock();
const soonMs = 10_000;

type House = { readonly queue: TaskQueue; readonly log: TestLog; readonly prefix: string };

async function open(t: TestContext, server: NatsServer, more: Partial<NatsTaskQueueOptions> = {}): Promise<House> {
  const log = new TestLog();
  const prefix = randomUUID();
  const queue = await openNatsTaskQueue({ servers: natsServers({ url: server.url }, {}), prefix, ackWaitMs: 30_000, clock, log, ...more });
  t.after(() => queue.close());
  return { queue, log, prefix };
}

async function own(t: TestContext): Promise<NatsServer> {
  const server = await NatsServer.start();
  t.after(() => server.close());
  return server;
}

/** Waits for what others do, by asking; the test's time-out ends what never comes. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const up = ({ queue }: House): Promise<void> => until(() => queue.health().reachable);
const down = ({ queue }: House): Promise<void> => until(() => !queue.health().reachable);
const events = ({ log }: House, event: string): number => log.entries.filter(({ fields }) => fields["event"] === event).length;

/** What comes until nothing comes any more, at most so many. */
async function takeAll(queue: TaskQueue, count: number): Promise<readonly TakenTask[]> {
  const taken: TakenTask[] = [];
  while (taken.length < count) {
    const came = await queue.take("cpu", count - taken.length, soonMs);
    if (came.length === 0) break;
    taken.push(...came);
  }
  return taken;
}

describe("a server that others meddle with", () => {
  let server: NatsServer;
  let other: NatsConnection;
  before(async () => {
    server = await NatsServer.start();
    other = await connect({ servers: server.url });
  });
  after(async () => {
    await other.close();
    await server.close();
  });

  test("what was acknowledged just before the queue closes is gone", options, async (t) => {
    const { queue, prefix } = await open(t, server);
    await queue.publish("cpu", [queuedTask(0), queuedTask(1)]);
    for (const taken of await takeAll(queue, 2)) taken.ack();
    await queue.close();
    const manager = await other.jetstreamManager();
    await until(async () => (await manager.streams.info(`${prefix}=cpu`)).state.messages === 0);
  });

  test("a stream that was deleted is made again for who publishes, and for who waits", options, async (t) => {
    const { queue, prefix } = await open(t, server);
    await queue.publish("cpu", [queuedTask(0)]);
    const manager = await other.jetstreamManager();
    await manager.streams.delete(`${prefix}=cpu`);
    await queue.publish("cpu", [queuedTask(1), queuedTask(2)]);
    assert.deepEqual(indexesOf(await takeAll(queue, 2)), [1, 2]);
    const waiting = queue.take("cpu", 5, soonMs);
    await queue.depth("cpu");
    await manager.streams.delete(`${prefix}=cpu`);
    await queue.publish("cpu", [queuedTask(3)]);
    assert.deepEqual(indexesOf(await waiting), [3]);
  });

  test("a consumer that was deleted is made again while somebody waits; what is in the stream comes", options, async (t) => {
    const { queue, prefix } = await open(t, server);
    const waiting = queue.take("cpu", 5, soonMs);
    await queue.depth("cpu");
    const manager = await other.jetstreamManager();
    await manager.consumers.delete(`${prefix}=cpu`, "coordinator");
    await queue.publish("cpu", [queuedTask(7)]);
    const [task] = await waiting;
    assert.deepEqual(task?.queued, queuedTask(7));
    task?.ack();
    await until(async () => (await queue.depth("cpu")) === 0);
  });

  test("what is no task is removed for good, told once, and hides nothing", options, async (t) => {
    const house = await open(t, server);
    await house.queue.depth("cpu");
    other.publish(`${house.prefix}.cpu.1`, "not a task");
    await other.flush();
    await house.queue.publish("cpu", [queuedTask(1)]);
    assert.deepEqual(indexesOf(await house.queue.take("cpu", 5, soonMs)), [1]);
    await until(async () => (await house.queue.depth("cpu")) === 0);
    const [entry, ...more] = house.log.entries.filter(({ fields }) => fields["event"] === "queue.poison");
    assert.deepEqual([entry?.fields["excerpt"], more.length], ["not a task", 0]);
  });

  test("a stream that cannot store, here since it is full, is replaced", options, async (t) => {
    const house = await open(t, server);
    await house.queue.depth("cpu");
    for (let count = 0; count * 1000 < streamBytesMax; count += 1) other.publish(`${house.prefix}.cpu.1`, new Uint8Array(1000));
    for (let count = 0; count < 100; count += 1) other.publish(`${house.prefix}.cpu.1`, "fills the rest");
    await other.flush();
    await assert.rejects(
      house.queue.publish("cpu", [queuedTask(0)]),
      /NATS has not taken 1 of 1 tasks of pool "cpu": the server refuses it/,
    );
    assert.equal(house.queue.health().reachable, false);
    await house.queue.publish("cpu", [queuedTask(1)]);
    assert.deepEqual(indexesOf(await house.queue.take("cpu", 5, soonMs)), [1]);
    assert.equal(house.queue.health().reachable, true);
  });

  test("two prefixes share a server and see nothing of each other", options, async (t) => {
    const one = await open(t, server);
    const two = await open(t, server);
    await one.queue.publish("cpu", [queuedTask(1)]);
    assert.equal(await two.queue.depth("cpu"), 0);
    assert.deepEqual(await two.queue.take("cpu", 5, 0), []);
    assert.equal(await one.queue.depth("cpu"), 1);
  });

  test("pools may have any name", options, async (t) => {
    const { queue } = await open(t, server);
    const names = ["gpu.a100", "gpu*", ">", "a b", "größe", "a=b", "a/b", "x".repeat(64)];
    for (const [index, name] of names.entries()) await queue.publish(name, [queuedTask(index)]);
    for (const [index, name] of names.entries()) assert.deepEqual(indexesOf(await queue.take(name, 5, soonMs)), [index], name);
  });

  test("far more tasks than the server's usual 1,000 may be taken and not acknowledged", options, async (t) => {
    const { queue } = await open(t, server);
    const count = 2500;
    await queue.publish(
      "cpu",
      Array.from({ length: count }, (_, index) => queuedTask(index)),
    );
    const taken = await takeAll(queue, count);
    assert.equal(new Set(indexesOf(taken)).size, count);
    assert.equal(await queue.depth("cpu"), 0);
    for (const task of taken) task.ack();
  });

  test("no more messages are fetched ahead than the limit says, and more when half of them are taken", options, async (t) => {
    const { queue, prefix } = await open(t, server);
    const manager = await other.jetstreamManager();
    const given = async (): Promise<number> => (await manager.consumers.info(`${prefix}=cpu`, "coordinator")).delivered.consumer_seq;
    for (let index = 0; index < prefetchMax * 2; index += 1) await queue.publish("cpu", [queuedTask(index)]);
    for (const task of await takeAll(queue, 1)) task.ack();
    await until(async () => (await given()) === prefetchMax);
    for (const task of await takeAll(queue, prefetchMax / 2 - 2)) task.ack();
    assert.equal(await given(), prefetchMax);
    for (const task of await takeAll(queue, 2)) task.ack();
    await until(async () => (await given()) > prefetchMax);
    assert.ok((await given()) <= prefetchMax * 1.5 + 1);
  });

  test("what was fetched ahead and lies too long is not given out twice", options, async (t) => {
    const { queue } = await open(t, server, { ackWaitMs: 500 });
    await queue.publish("cpu", [0, 1, 2].map(queuedTask));
    const [first] = await queue.take("cpu", 1, soonMs);
    first?.ack();
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const rest = await takeAll(queue, 2);
    for (const task of rest) task.ack();
    assert.deepEqual(
      indexesOf(rest).toSorted((a, b) => a - b),
      [1, 2],
    );
    assert.deepEqual(await queue.take("cpu", 5, 700), []);
  });

  test("a stream of that name which is something else is left alone", options, async (t) => {
    const prefix = randomUUID();
    const manager = await other.jetstreamManager();
    await manager.streams.add({ name: `${prefix}=default`, subjects: [`${prefix}.others`] });
    await assert.rejects(open(t, server, { prefix }), /is no task queue of ours: remove it, or choose another prefix/);
    assert.deepEqual((await manager.streams.info(`${prefix}=default`)).config.subjects, [`${prefix}.others`]);
  });

  test("another acknowledgement time takes over what is there", options, async (t) => {
    const first = await open(t, server, { ackWaitMs: 30_000 });
    await first.queue.publish("cpu", [queuedTask(1)]);
    await first.queue.close();
    const second = await open(t, server, { prefix: first.prefix, ackWaitMs: 20_000 });
    assert.deepEqual(indexesOf(await second.queue.take("cpu", 5, soonMs)), [1]);
  });

  test("what nobody has acknowledged goes to the next coordinator at once", options, async (t) => {
    const first = await open(t, server);
    await first.queue.publish("cpu", [queuedTask(0)]);
    await first.queue.publish("cpu", [1, 2].map(queuedTask));
    for (const task of await first.queue.take("cpu", 1, soonMs)) task.ack();
    await first.queue.close();
    const second = await open(t, server, { prefix: first.prefix });
    assert.deepEqual(
      indexesOf(await takeAll(second.queue, 2)).toSorted((a, b) => a - b),
      [1, 2],
    );
  });
});

describe("a server that ends", () => {
  test("killed and started again, it gives what it had; meanwhile nothing hangs and the log says it once", options, async (t) => {
    const server = await own(t);
    const house = await open(t, server);
    const { queue } = house;
    await queue.publish("cpu", [0, 1].map(queuedTask));
    const waiting = queue.take("gpu", 5, 60_000);
    await server.kill();
    await down(house);
    assert.match(JSON.stringify(queue.health()), /the connection to NATS at 127.0.0.1:\d+ is lost|cannot be reached/);
    for (let times = 0; times < 3; times += 1) {
      await assert.rejects(queue.publish("cpu", [queuedTask(2)]), /NATS/);
      await assert.rejects(queue.depth("cpu"), /NATS/);
      assert.deepEqual(await queue.take("cpu", 5, 50), []);
    }
    await server.start();
    await up(house);
    await queue.publish("cpu", [queuedTask(2)]);
    assert.deepEqual(indexesOf(await takeAll(queue, 3)), [0, 1, 2]);
    await queue.publish("gpu", [queuedTask(9)]);
    assert.deepEqual(indexesOf(await waiting), [9]);
    assert.deepEqual([events(house, "queue.down"), events(house, "queue.up")], [1, 1]);
  });

  test("a server that has lost its disk starts anew", options, async (t) => {
    const server = await own(t);
    const house = await open(t, server);
    await house.queue.publish("cpu", [0, 1].map(queuedTask));
    await server.kill();
    await server.wipe();
    await server.start();
    await down(house);
    await up(house);
    assert.equal(await house.queue.depth("cpu"), 0);
    await house.queue.publish("cpu", [queuedTask(5)]);
    assert.deepEqual(indexesOf(await house.queue.take("cpu", 5, soonMs)), [5]);
  });

  test("a server that stands still is noticed, and comes back", options, async (t) => {
    const server = await own(t);
    const house = await open(t, server);
    process.kill(server.pid, "SIGSTOP");
    await assert.rejects(house.queue.publish("cpu", [queuedTask(0)]), /NATS|TIMEOUT/);
    assert.equal(house.queue.health().reachable, false);
    process.kill(server.pid, "SIGCONT");
    await until(() =>
      house.queue.depth("cpu").then(
        () => house.queue.health().reachable,
        () => false,
      ),
    );
    await house.queue.publish("cpu", [queuedTask(1)]);
    assert.ok(indexesOf(await house.queue.take("cpu", 5, soonMs)).includes(1));
  });

  test("messages in flight when it dies are stored once when it comes back in time", options, async (t) => {
    const server = await own(t);
    const house = await open(t, server);
    await house.queue.depth("cpu");
    const count = 3000;
    const publishing = house.queue.publish(
      "cpu",
      Array.from({ length: count }, (_, index) => queuedTask(index)),
    );
    await server.kill();
    await server.start();
    await publishing;
    const taken = await takeAll(house.queue, count);
    assert.equal(new Set(indexesOf(taken)).size, count);
    for (const task of taken) task.ack();
    await until(async () => (await house.queue.depth("cpu")) === 0);
  });

  test("one that isn't there at the start is waited for", options, async (t) => {
    const server = await own(t);
    await server.stop();
    const house = await open(t, server);
    assert.match(JSON.stringify(house.queue.health()), /cannot be reached/);
    await assert.rejects(house.queue.publish("cpu", [queuedTask(0)]), /cannot be reached/);
    await server.start();
    await up(house);
    await house.queue.publish("cpu", [queuedTask(0)]);
    assert.deepEqual(indexesOf(await house.queue.take("cpu", 1, soonMs)), [0]);
  });
});
