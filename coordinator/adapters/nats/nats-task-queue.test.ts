import { randomUUID } from "node:crypto";
import { after, before } from "node:test";
import { NatsServer } from "../../../test/cluster/nats-server.ts";
import { describeTaskQueue } from "../../ports/task-queue.conformance.ts";
import { SystemClock } from "../system-clock.ts";
import { openNatsTaskQueue } from "./nats-task-queue.ts";
import { natsServers } from "./servers.ts";

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const ackWaitMs = 300;

let server: NatsServer;
before(async () => {
  server = await NatsServer.start();
});
after(() => server.close());

describeTaskQueue("NatsTaskQueue", async () => {
  const clock = new SystemClock();
  const queue = await openNatsTaskQueue({
    servers: natsServers({ url: server.url }, {}),
    prefix: randomUUID(),
    ackWaitMs,
    clock,
    log: quiet,
  });
  return { queue, ackWaitMs, advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) };
});
