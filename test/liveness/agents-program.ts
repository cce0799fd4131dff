// Many workers in one process, to be forked: ADDRESS, number of the first and of the one after the last, file of the CA or "".
// Each is a real agent over a connection of its own whose task processes are none: `work` goes on until this process is told
// to "finish", all else ends at once.

import { readFileSync } from "node:fs";
import type { TaskOrder } from "../../proto/order.ts";
import { openWorkerStream } from "../../sdk/wire/worker-stream.ts";
import { protocolVersions } from "../../sdk/wire/worker-items.ts";
import type { TaskProcess, TaskProcessEvents, TaskProcesses } from "../../worker/ports/task-process.ts";
import { Agent } from "../../worker/shell/agent.ts";
import { ProcessPool } from "../../worker/shell/process-pool.ts";
import { foreach, obedient } from "../coordinator/graphs.ts";

/** Elements of the foreach of `start`: for a run of another width there is another program. */
const width = Number(process.env["FOREACH_WIDTH"] ?? 10);

const [address = "", from = "0", to = "0", caFile = ""] = process.argv.slice(2);
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const held: (() => void)[] = [];
let isOver = false;

class NoProcesses implements TaskProcesses {
  start(_: unknown, events: TaskProcessEvents): TaskProcess {
    const nothing = (): void => undefined;
    setImmediate(() => events.onReady());
    return {
      pid: null,
      run: (bytes) => {
        const order = JSON.parse(Buffer.from(bytes).toString()) as TaskOrder;
        const outcome = Buffer.from(JSON.stringify(obedient(foreach(), width)(order)));
        const report = (): void => events.onReport({ succeeded: true, outcome, spoiled: null, mayHaveChildren: false });
        if (order.step === "work" && !isOver) held.push(report);
        else setImmediate(report);
      },
      abort: nothing,
      signal: nothing,
      hasChildren: () => false,
      samplePeakMiB: () => 0,
      isToBeWatched: false,
      excess: () => null,
    };
  }

  async close(): Promise<void> {}
}

const endpoint = caFile === "" ? { address } : { address, tls: { ca: readFileSync(caFile, "utf8") } };
for (let number = Number(from); number < Number(to); number += 1) {
  const about = { host: "here", pid: process.pid, version: "test", labels: {}, runs: [], pool: "", unbounded: false };
  const protocol = { protocol: protocolVersions.newest, oldestProtocol: protocolVersions.oldest };
  const agent = new Agent({
    hello: { worker: `w${number}`, slots: 1, cpu: 1, memoryMiB: 1024, gpu: 0, ...about, ...protocol },
    pool: new ProcessPool({ processes: new NoProcesses(), slots: 1 }),
    load: () => ({ cpuShare: 0, usedMiB: 0, totalMiB: 0 }),
    blobs: null,
    log: silent,
    isolated: false,
    awayMsMax: 600_000,
    lasting: true,
  });
  agent.start((events) => openWorkerStream(endpoint, events));
}
process.on("message", () => {
  isOver = true;
  for (const report of held.splice(0)) report();
});
