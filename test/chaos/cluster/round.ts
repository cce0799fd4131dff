// One round: runs are submitted, faults begin and end at moments and with parts that a seed chooses, then everything is
// healed, the runs come to their end, and what happened is judged.

import { pause } from "../started.ts";
import type { Random } from "../../simulation/random.ts";
import { eventually, type ChaosCluster } from "./chaos-cluster.ts";
import { faultsOf } from "./faults.ts";
import { judgeRun, type Submitted, type Submitter } from "./submitted.ts";
import type { Shape } from "./workload.ts";

export type RoundReport = {
  readonly problems: readonly string[];
  readonly runs: number;
  readonly tasks: number;
  readonly attempts: number;
  readonly repeated: number;
  /** Of one task at most. */
  readonly lossesOfTask: number;
  readonly failures: Readonly<Record<string, number>>;
  /** How often each began. */
  readonly faults: Readonly<Record<string, number>>;
  /** From the last fault's end until the last run's. */
  readonly settledMs: number;
};

export type RoundOptions = {
  readonly random: Random;
  readonly submitter: Submitter;
  readonly faultSeconds: number;
  readonly only: string | null;
};

/** Faults at the same time; they are of different parts. */
const atOnceMax = 3;

export async function playRound(cluster: ChaosCluster, { random, submitter, faultSeconds, only }: RoundOptions): Promise<RoundReport> {
  const submitted = [await submitter.submit(shapeFrom(random)), await submitter.submit(shapeFrom(random))];
  const faults: Record<string, number> = {};
  const active = new Map<string, Promise<void>>();
  const broken: string[] = [];
  for (const endMs = Date.now() + faultSeconds * 1000; Date.now() < endMs;) {
    await pause(200 + random.below(1500));
    if (submitted.length < 4 && random.chance(0.15)) submitted.push(await submitter.submit(shapeFrom(random)));
    const parts = Object.entries(faultsOf(cluster)).filter(([part]) => !active.has(part) && part === (only ?? part));
    if (active.size >= atOnceMax || parts.length === 0) continue;
    const [part, kinds] = random.pick(parts);
    const [name, begin] = random.pick(Object.entries(kinds));
    faults[name] = (faults[name] ?? 0) + 1;
    const lastMs = 300 + random.below(5000);
    const over = (async () => {
      const end = await begin(cluster, random);
      await pause(lastMs);
      await end();
    })().catch((error: unknown) => void broken.push(`the fault "${name}" failed: ${String(error)}`));
    active.set(
      part,
      over.finally(() => active.delete(part)),
    );
  }
  await Promise.all(active.values());
  const healedMs = Date.now();
  await cluster.whole();
  return { ...(await judgeRound(cluster, submitter, { submitted, broken })), faults, settledMs: Date.now() - healedMs };
}

async function judgeRound(
  cluster: ChaosCluster,
  submitter: Submitter,
  { submitted, broken }: { readonly submitted: readonly Submitted[]; readonly broken: readonly string[] },
): Promise<Omit<RoundReport, "faults" | "settledMs">> {
  const problems = [...broken, ...cluster.deaths.splice(0)];
  const sum = { runs: 0, tasks: 0, attempts: 0, repeated: 0 };
  const failures: Record<string, number> = {};
  let lossesOfTask = 0;
  for (const one of submitted) {
    const run = await submitter.find(one);
    if (run === null) continue;
    const judged = await judgeRun(cluster, run, one.shape);
    problems.push(...judged.problems);
    sum.runs += 1;
    for (const name of ["tasks", "attempts", "repeated"] as const) sum[name] += judged[name];
    lossesOfTask = Math.max(lossesOfTask, judged.lossesOfTask);
    for (const [kind, count] of Object.entries(judged.failures)) failures[kind] = (failures[kind] ?? 0) + count;
  }
  problems.push(...(await idleProblems(cluster)));
  return { ...sum, lossesOfTask, failures, problems: [...problems, ...cluster.deaths.splice(0)] };
}

/** Every slot is free again, and the parts hold no more than idle ones may. */
async function idleProblems(cluster: ChaosCluster): Promise<readonly string[]> {
  const { control } = cluster.remote;
  const held = await eventually("free slots", async () => {
    const workers = await control.workers();
    return workers.every(({ running }) => running.length === 0) ? [] : null;
  }).catch(async () =>
    (await control.workers()).flatMap(({ worker, running }) => running.map(({ run, task }) => `${worker} holds ${run}/${task}`)),
  );
  const large = [cluster.coordinator, ...cluster.workers]
    .filter((member) => member.residentMiB() > residentMiBMax || member.openFiles() > openFilesMax)
    .map((member) => `${member.name} holds ${member.residentMiB()} MiB and ${member.openFiles()} files while it is idle`);
  return [...held, ...large];
}

/** Of an idle coordinator or worker; Node alone takes 50. */
const residentMiBMax = 500;
const openFilesMax = 150;

function shapeFrom(random: Random): Shape {
  return {
    n: random.pick([0, 1, 40, 100, 250, 400]),
    outer: random.pick([0, 2, 5]),
    inner: random.pick([1, 3, 8]),
    bytes: random.pick([0, 300, 20_000]),
    pauseMs: random.pick([0, 10, 40]),
  };
}
