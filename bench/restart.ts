// A coordinator that was killed with many unfinished tasks in many runs: how long from the start of the next one until it
// gives out tasks again, and how much memory that takes.

import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { foreach, obedient, submission } from "../test/coordinator/graphs.ts";
import { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";
import { ForkedCoordinator } from "../test/liveness/many.ts";
import { atMost, noted, quick } from "./figure.ts";

const runs = quick ? 10 : 100;
const width = 1000;
const secondsMax = 10;

const folder = await mkdtemp(join(import.meta.dirname, ".restart-")); // On the disk of the checkout: /tmp may be memory.
const place = { folder, tls: false };
const graph = foreach();
const begun = obedient(graph, width);

const first = await ForkedCoordinator.start(place);
const slots = 2 * runs;
// It ends what fans out, and holds as many of the others as it has slots left.
const worker = new SimulatedWorker({
  address: first.address,
  id: "w1",
  slots,
  execute: (order) => (order.step === "start" ? begun(order) : null),
});
await worker.connect();
const beats = setInterval(() => worker.beat(), 2000);
const submitted = await Promise.all(Array.from({ length: runs }, () => first.control.submit(submission(graph, { workersMax: 10_000 }))));
for (const run of submitted) while ((await first.control.run(run)).counts.succeeded === 0) await sleep(20);
await sleep(1000);
clearInterval(beats);
await first.kill();
worker.disconnect();

const other = new SimulatedWorker({ address: first.address, id: "w2", slots: 10, execute: () => null });
const startMs = performance.now();
const next = await ForkedCoordinator.start(place, first.port);
const listeningSeconds = (performance.now() - startMs) / 1000;
await other.connect(next.address);
await other.until(() => other.count("assign") > 0);
const value = (performance.now() - startMs) / 1000;
const figure = `restart with ${runs} runs and ${(runs * width).toLocaleString("en")} unfinished tasks: until one is given out`;
atMost(1, { figure, value, unit: "s", limit: secondsMax });
noted("  until it listens", listeningSeconds, "s");
noted("  its memory", next.residentMiB(), "MiB");

other.disconnect();
await next.kill();
await rm(folder, { recursive: true, force: true });
