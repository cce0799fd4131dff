import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "nats";
import type { RunId } from "../../proto/ids.ts";
import type { TaskCounts } from "../../proto/view.ts";
import { NatsCluster } from "./nats-cluster.ts";

const options = { timeout: 60_000 };

test("a run goes on while NATS is killed, loses stream, consumer and disk: each task is started and accepted once", options, async (t) => {
  const cluster = await NatsCluster.open(t);
  const { server, prefix } = cluster;
  const meddle = async (
    act: (streams: Awaited<ReturnType<Awaited<ReturnType<typeof connect>>["jetstreamManager"]>>) => Promise<unknown>,
  ): Promise<void> => {
    const other = await connect({ servers: server.url });
    await act(await other.jetstreamManager());
    await other.close();
  };
  const faults: ReadonlyMap<number, () => Promise<void>> = new Map([
    [30, async () => server.kill().then(() => server.start())],
    [80, () => meddle(({ streams }) => streams.delete(`${prefix}=default`))],
    [130, () => meddle(({ consumers }) => consumers.delete(`${prefix}=default`, "coordinator"))],
    [
      180,
      async () => {
        await server.stop();
        await server.wipe();
        await server.start();
      },
    ],
  ]);
  const n = 250;
  const run = await cluster.submit(n, 5);
  const events = await cluster.follow(run, (count) => faults.get(count)?.());
  await cluster.assertRight(run, n, events);
  assert.equal(cluster.times("queue.down"), cluster.times("queue.up"));
  assert.ok(cluster.times("queue.down") >= 2);
});

test("without NATS what runs ends and is accepted, new work waits, and everything catches up", options, async (t) => {
  const cluster = await NatsCluster.open(t);
  const n = 60;
  const first = await cluster.submit(n, 20);
  let notify: (second: RunId) => void = () => undefined;
  const down = new Promise<RunId>((resolve) => (notify = resolve));
  const following = cluster.follow(first, async (count) => {
    if (count !== 10) return;
    await cluster.server.kill();
    notify(await cluster.submit(5, 5));
  });
  const second = await down;
  const countsOf = async (run: RunId): Promise<TaskCounts> => (await cluster.control.run(run)).counts;
  while ((await countsOf(first)).running > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const waiting = await countsOf(first);
  assert.ok(waiting.succeeded >= 10 && waiting.succeeded < n, `new work waits: ${JSON.stringify(waiting)}`);
  assert.deepEqual([(await countsOf(second)).running, (await countsOf(second)).succeeded], [0, 0]);
  const health = cluster.queue.health();
  assert.ok(!health.reachable && /NATS/.test(health.reason) && health.sinceMs > 0, JSON.stringify(health));

  await cluster.server.start();
  await cluster.assertRight(first, n, await following);
  await cluster.assertRight(second, 5, await cluster.follow(second));
  assert.equal(cluster.queue.health().reachable, true);
  assert.deepEqual([cluster.times("queue.down"), cluster.times("queue.up"), cluster.times("queue.publish")], [1, 1, 0]);
});
