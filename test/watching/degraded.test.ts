// A cluster whose task queue goes away: what it says of that, everywhere where somebody may look.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NatsServer } from "../cluster/nats-server.ts";
import { startCoordinator } from "../cluster/processes.ts";
import { stepwell, temporaryFolder } from "../command.ts";

const options = { timeout: 60_000 };

const flow = `import { FlowSpec, step } from "stepwell";
export class WaitFlow extends FlowSpec {
  @step start() {
    return this.next(this.end);
  }
  @step end() {}
}
`;

type Ready = {
  readonly ready: boolean;
  readonly parts: readonly { readonly part: string; readonly status: string; readonly since: string | null }[];
};

test("a queue that is gone is told by readyz, doctor and status, since when and why, and no more when it is back", options, async () => {
  const nats = await NatsServer.start();
  using folder = temporaryFolder();
  folder.write("wait.ts", flow);
  try {
    const cluster = await startCoordinator(folder.path, ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--nats", nats.url]);
    await using coordinator = cluster.coordinator;
    const http = String((await coordinator.event("coordinator.listening"))["http"]);
    const ask = (...args: readonly string[]) => stepwell(folder.path, args, { env: cluster.env });
    const ready = async (): Promise<Ready & { readonly status: number }> => {
      const answer = await fetch(`http://${http}/readyz`);
      return { status: answer.status, ...((await answer.json()) as Ready) };
    };
    assert.equal((await ask("run", "wait.ts", "--detach")).code, 0);
    await nats.kill();
    await coordinator.event("queue.down");
    const degraded = await ready();
    assert.deepEqual([degraded.status, degraded.ready], [200, true]);
    const queue = degraded.parts.find(({ part }) => part === "queue");
    assert.ok(queue?.status === "degraded" && Date.parse(queue.since ?? "") <= Date.now(), JSON.stringify(degraded));
    const unreachable = /the task queue is unreachable since \d\d:\d\d:\d\d: .*NATS/;
    assert.match((await ask("status", "WaitFlow/1")).stdout, unreachable);
    const { trouble } = JSON.parse((await ask("status", "WaitFlow/1", "--json")).stdout) as { readonly trouble: readonly object[] };
    assert.deepEqual(
      trouble.map((one) => ({ ...one, reason: "" })),
      [{ part: "queue", status: "degraded", since: queue.since, reason: "" }],
    );
    const doctor = await ask("doctor");
    assert.match(doctor.stdout, /warning\s+its queue\s+the task queue is unreachable since/);
    assert.match(doctor.stdout, /hint: what runs goes on, new tasks wait until it is back/);
    await nats.start();
    await coordinator.event("queue.up");
    assert.deepEqual(
      (await ready()).parts.map(({ status, since }) => [status, since]),
      [
        ["ok", null],
        ["ok", null],
        ["ok", null],
      ],
    );
    assert.doesNotMatch((await ask("status", "WaitFlow/1")).stdout, /unreachable/);
  } finally {
    await nats.close();
  }
});
