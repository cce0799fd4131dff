// What live followers cost a coordinator: events a second of wide runs with nobody watching, and with a hundred who do, in turns.
// Coordinator, workers that run nothing and followers, which only count, are processes of their own.

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FlowGraph } from "../proto/graph.ts";
import { parseFlowName, type RunId } from "../proto/ids.ts";
import type { TaskOrder, TaskOutcome } from "../proto/order.ts";
import { openChannel, type Channel } from "../sdk/wire/channel.ts";
import { connectControl, type ControlClient } from "../sdk/wire/control-client.ts";
import { unpack } from "../sdk/wire/packing.ts";
import { controlService, type FollowReply } from "../sdk/wire/services.ts";
import { startCoordinator } from "../test/cluster/processes.ts";
import { foreach, obedient, submission } from "../test/coordinator/graphs.ts";
import { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";
import { cpuMsOf, ended, endpointOf } from "./clusters.ts";
import { atLeast, atMost, median, quick } from "./figure.ts";

const followers = quick ? 5 : 100;
const tasks = quick ? 100 : 20_000;
const rounds = quick ? 1 : 5;
const workers = 4;
const slotsEach = 100;

/** So many runs with all tasks between them, and so many followers, of a run each or all of the same one. */
type Case = { readonly name: string; readonly runs: number; readonly followers: number };
type Rate = { readonly perSecond: number; readonly cpuMicros: number };

const many = `coordinator, ${followers} runs`;
const alone = { name: `${many}, nobody follows`, runs: followers, followers: 0 };
const each = { name: `${many}, each followed by one`, runs: followers, followers };
const one = { name: "coordinator, 1 run, nobody follows", runs: 1, followers: 0 };
const crowd = { name: `coordinator, 1 run, followed by ${followers}`, runs: 1, followers };

/** By its name workers know how wide it is. */
const single: FlowGraph = { ...foreach(), flow: parseFlowName("Single") };

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
  const parts = { control, following, pid: coordinator.child.pid };
  await round(parts, each);
  const rates = new Map<Case, Rate[]>([alone, each, one, crowd].map((measured) => [measured, []]));
  for (let number = 0; number < rounds; number += 1) {
    for (const [measured, found] of rates) found.push(await round(parts, measured));
  }
  for (const [measured, compared] of [
    [each, alone],
    [crowd, one],
  ] as const) {
    const [found, limits] = [rates.get(measured) ?? [], rates.get(compared) ?? []];
    const limitName = "nobody follows";
    const middle = (all: readonly Rate[], of: (rate: Rate) => number): number => median(all.map(of));
    const perSecond = ({ perSecond: value }: Rate): number => value;
    const cpuMicros = ({ cpuMicros: value }: Rate): number => value;
    atLeast(0.8, { figure: measured.name, value: middle(found, perSecond), unit: "events/s", limit: middle(limits, perSecond), limitName });
    // Followers take processors away from it here: how it would fare with some for itself is seen by what it uses.
    const figure = `  CPU for each event, ${measured.name}`;
    atMost(1.25, { figure, value: middle(found, cpuMicros), unit: "us", limit: middle(limits, cpuMicros), limitName });
  }
  working.kill();
  following.kill();
  control.close();
  await coordinator[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}

type Parts = { readonly control: ControlClient; readonly following: ChildProcess; readonly pid: number | undefined };

async function round({ control, following, pid }: Parts, { runs, followers: count }: Case): Promise<Rate> {
  const startMs = performance.now();
  const cpuBefore = cpuMsOf(pid);
  const begun = await Promise.all(Array.from({ length: runs }, () => control.submit(submission(runs === 1 ? single : foreach()))));
  const followed = Array.from({ length: count }, (_, number) => begun[number % runs]);
  const seen = once(following, "message");
  following.send(followed);
  for (const run of begun) await ended({ control }, run, tasks / runs + 3);
  const seconds = (performance.now() - startMs) / 1000;
  const cpuMs = cpuMsOf(pid) - cpuBefore;
  // Of each task: it begins, and it succeeds.
  const events = runs * 2 + (tasks + runs * 3) * 2;
  const wanted = count === 0 ? 0 : runs === 1 ? count * events : events;
  const [found] = await seen;
  if (found !== wanted) throw new Error(`${count} followers saw ${String(found)} events, not ${wanted}`);
  return { perSecond: events / seconds, cpuMicros: (cpuMs * 1000) / events };
}

/** Follows each list of runs that it is sent to their ends, and tells how many events it has seen. */
async function follow(): Promise<void> {
  const channel = await openChannel(endpointOf(data));
  process.on("message", (followed: readonly RunId[]) => {
    void Promise.all(followed.map((run) => eventsOf(channel, run))).then((seen) => process.send?.(seen.reduce((sum, one) => sum + one, 0)));
  });
  process.send?.("here");
}

/** Looks at the first message and at the last: what readers do with events, they do on machines of their own. */
async function eventsOf({ client, metadata }: Channel, run: RunId): Promise<number> {
  const { path, requestSerialize, responseDeserialize } = controlService.follow;
  const request = { method: "events", arguments: Buffer.from(JSON.stringify([run, 0])), takesPacked: true };
  let last: FollowReply | null = null;
  for await (const reply of client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata)) {
    if (last === null && numberAt(textOf(reply as FollowReply), 1) !== 1) throw new Error("the first event is missing");
    last = reply as FollowReply;
  }
  const text = last === null ? Buffer.from("[]") : textOf(last);
  return numberAt(text, text.lastIndexOf(numbered));
}

/** The last list in it. */
function textOf({ list, packed }: FollowReply): Buffer {
  const one = packed.at(-1);
  return one === undefined ? Buffer.from(list.buffer, list.byteOffset, list.byteLength) : unpack(one);
}

const numbered = '{"seq":';

function numberAt(text: Buffer, at: number): number {
  return Number.parseInt(text.toString("latin1", at + numbered.length, at + numbered.length + 10), 10);
}

async function work(): Promise<void> {
  const { address, ...endpoint } = endpointOf(data);
  const answers = [alone, one].map((shape) => obedient(foreach(), tasks / shape.runs));
  const execute = (order: TaskOrder): TaskOutcome => {
    const answer = answers[order.flow === single.flow ? 1 : 0];
    if (answer === undefined) throw new Error(`nobody knows ${order.flow}`);
    return answer(order);
  };
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
