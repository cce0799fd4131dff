// What live followers cost a coordinator: events a second of wide runs with nobody watching, and with a hundred who do, in turns.
// Coordinator, workers that run nothing and followers are processes of their own.

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunId } from "../proto/ids.ts";
import { connectControl, type ControlClient } from "../sdk/wire/control-client.ts";
import { startCoordinator } from "../test/cluster/processes.ts";
import { foreach, obedient, submission } from "../test/coordinator/graphs.ts";
import { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";
import { cpuMsOf, ended, endpointOf } from "./clusters.ts";
import { atLeast, median, noted, quick } from "./figure.ts";

const runs = quick ? 5 : 100;
const tasksEach = quick ? 20 : 200;
const rounds = quick ? 1 : 5;
const workers = 4;
const slotsEach = 100;
/** Of each task: it begins, and it succeeds. */
const eventsEach = 2 * (tasksEach + 3) + 2;

type Watching = "nobody" | "each their run" | "all the same run";
type Rate = { readonly perSecond: number; readonly cpuMicros: number };

const [role, data = ""] = process.argv.slice(2).filter((word) => !word.startsWith("-"));
if (role === "work") await work();
else if (role === "follow") await follow();
else await measure();

async function measure(): Promise<void> {
  const folder = await mkdtemp(join(import.meta.dirname, ".followers-")); // On the disk of the checkout: /tmp may be memory.
  const { coordinator } = await startCoordinator(folder);
  const place = join(folder, "data");
  const control = connectControl(endpointOf(place));
  const [working, following] = [child("work", place), child("follow", place)];
  await Promise.all([once(working, "message"), once(following, "message")]);
  const rates = new Map<Watching, Rate[]>([
    ["nobody", []],
    ["each their run", []],
    ["all the same run", []],
  ]);
  const pid = coordinator.child.pid;
  await round({ control, following, pid }, "nobody");
  for (let number = 0; number < rounds; number += 1) {
    for (const [watching, measured] of rates) measured.push(await round({ control, following, pid }, watching));
  }
  const rateOf = (watching: Watching): number => median((rates.get(watching) ?? []).map(({ perSecond }) => perSecond));
  const limit = rateOf("nobody");
  const against = { unit: "events/s", limit, limitName: "with nobody" };
  noted(`coordinator, ${runs} runs, nobody follows`, limit, "events/s");
  atLeast(0.8, { figure: `coordinator, ${runs} runs, each followed by one`, value: rateOf("each their run"), ...against });
  noted(`coordinator, ${runs} runs, one followed by ${runs}`, rateOf("all the same run"), "events/s");
  for (const [watching, measured] of rates) {
    noted(`  its CPU for each event, followed: ${watching}`, median(measured.map(({ cpuMicros }) => cpuMicros)), "us");
  }
  for (const one of [working, following]) one.kill();
  control.close();
  await coordinator[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}

type Parts = { readonly control: ControlClient; readonly following: ChildProcess; readonly pid: number | undefined };

async function round({ control, following, pid }: Parts, watching: Watching): Promise<Rate> {
  const startMs = performance.now();
  const cpuBefore = cpuMsOf(pid);
  const begun = await Promise.all(Array.from({ length: runs }, () => control.submit(submission(foreach()))));
  const followed = watching === "nobody" ? [] : begun.map((run) => (watching === "each their run" ? run : begun[0]));
  const seen = once(following, "message");
  following.send(followed);
  for (const run of begun) await ended({ control }, run, tasksEach + 3);
  const seconds = (performance.now() - startMs) / 1000;
  const cpuMicros = ((cpuMsOf(pid) - cpuBefore) * 1000) / (runs * eventsEach);
  const [events] = await seen;
  if (Number(events) < followed.length * eventsEach) throw new Error(`${followed.length} followers saw ${events} events`);
  return { perSecond: (runs * eventsEach) / seconds, cpuMicros };
}

/** Follows each list of runs that it is sent to their ends, and tells how many events it has seen. */
async function follow(): Promise<void> {
  const control = connectControl(endpointOf(data));
  process.on("message", (followed: readonly RunId[]) => {
    void Promise.all(followed.map((run) => eventsOf(control, run))).then((seen) => process.send?.(seen.reduce((sum, one) => sum + one, 0)));
  });
  process.send?.("here");
}

async function eventsOf(control: ControlClient, run: RunId): Promise<number> {
  let count = 0;
  for await (const _ of control.events(run, 0)) count += 1;
  return count;
}

async function work(): Promise<void> {
  const { address, ...endpoint } = endpointOf(data);
  const execute = obedient(foreach(), tasksEach);
  for (let number = 1; number <= workers; number += 1) {
    const worker = new SimulatedWorker({ address, endpoint, id: `w${number}`, slots: slotsEach, execute, forgetful: true });
    await worker.connect();
    setInterval(() => worker.beat(), 2000);
  }
  process.send?.("here");
}

function child(what: "work" | "follow", place: string): ChildProcess {
  return fork(fileURLToPath(import.meta.url), [what, place, ...(quick ? ["--quick"] : [])]);
}
