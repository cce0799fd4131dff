// A thousand workers of one coordinator, over TLS: what they cost it while they have nothing to do, and how long until all of
// them are back after it was killed, some of them with tasks that must not be lost.

import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { foreach, submission } from "../test/coordinator/graphs.ts";
import { connected, end, ForkedCoordinator, forkWorkers } from "../test/liveness/many.ts";
import { atMost, noted, quick } from "./figure.ts";

const workers = quick ? 100 : 1000;
/** Tasks that are with workers when the coordinator dies. */
const held = quick ? 20 : 200;
const moreMiBMax = 300;
const settledSecondsMax = 30;

const folder = await mkdtemp(join(import.meta.dirname, ".idle-workers-")); // On the disk of the checkout: /tmp may be memory.
const place = { folder, tls: true };
const first = await ForkedCoordinator.start(place);
await first.control.workers();
const aloneMiB = first.residentMiB();
const startMs = performance.now();
const children = forkWorkers(first, workers, held);
await connected(first.control, workers);
noted(`${workers} workers: until all have connected`, (performance.now() - startMs) / 1000, "s");
await sleep(5000); // A few beats of each.
const value = Math.round(first.residentMiB() - aloneMiB);
atMost(1, { figure: `${workers} idle workers: more memory in the coordinator`, value, unit: "MiB", limit: moreMiBMax, timed: false });

const run = await first.control.submit(submission(foreach()));
while ((await first.control.run(run)).counts.running < held) await sleep(20);
await sleep(1000);
await first.kill();
const killedMs = performance.now();
const next = await ForkedCoordinator.start(place, first.port);
await connected(next.control, workers);
const settledSeconds = (performance.now() - killedMs) / 1000;
const figure = `${workers} workers: until all are back after the coordinator was killed`;
atMost(1, { figure, value: settledSeconds, unit: "s", limit: settledSecondsMax });
for (const child of children) child.send("finish");
for await (const _ of next.control.events(run, 0));
const { status, counts } = await next.control.run(run);
if (status !== "succeeded") throw new Error(`the run has ${status}`);
const lost = held + 3 + counts.retried - counts.succeeded;
atMost(1, { figure: `  tasks of ${held} that were lost or ran twice`, value: lost, unit: "tasks", limit: 0, timed: false });

await next.kill();
for (const child of children) await end(child);
await rm(folder, { recursive: true, force: true });
