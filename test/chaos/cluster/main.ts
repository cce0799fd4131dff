// `npm run test:chaos`: clusters of real processes under faults. First each part is killed in turn while one run goes on, then
// clients meddle with the same runs, then round follows round until the time is over. Says what it did as lines of JSON; the last
// one sums up. Exit code 1 where anything was wrong, and then the seed that shows it is in the line.
//
//   --minutes N      how long the rounds go on (default 1.5)      --rounds N   at most so many of them
//   --tasks N        of the run during which each part is killed (default 300)
//   --clients N      seconds for which clients meddle (default 15)
//   --seed N         the first cluster's; the next has the next number
//   --only PART      faults of this part only: worker, coordinator, clock, nats, s3, network, disk, version
//   --older FILE     the command of an earlier version (dist/cli/bin.cjs of its clone): clusters begin with it and are brought up
//                    to date while they run
//   --keep           leaves the folders of clusters that failed

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { hashOf, Random } from "../../simulation/random.ts";
import { ChaosCluster, type ClusterShape } from "./chaos-cluster.ts";
import { worsenS3 } from "./faults.ts";
import { isInOwnNetwork, runInOwnNetwork, whyNoNetwork } from "./network.ts";
import { killEachPart } from "./each-part.ts";
import { playClients } from "./clients.ts";
import { playRound, type RoundReport } from "./round.ts";
import { Submitter } from "./submitted.ts";

const type = "string";
const { values } = parseArgs({
  options: {
    minutes: { type },
    rounds: { type },
    tasks: { type },
    clients: { type },
    seed: { type },
    older: { type },
    only: { type },
    keep: { type: "boolean" },
  },
});
const minutes = Number(values.minutes ?? 1.5);
const tasks = Number(values.tasks ?? 300);
const clientSeconds = Number(values.clients ?? 15);
const roundsMax = Number(values.rounds ?? 1_000_000);
const firstSeed = Number(values.seed ?? Date.now() % 1_000_000);
const roundsOfCluster = 4;
/** Loss after loss is what the rounds are about. */
const lossesMax = 1000;
const plainShape = { queue: "nats", store: "presigned", workers: 3, slots: 4, isolation: "warm", cacheMiB: 64, threads: 4 } as const;

const noNetwork = isInOwnNetwork() ? null : whyNoNetwork();
if (!isInOwnNetwork() && noNetwork === null) process.exitCode = await runInOwnNetwork();
else {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
  process.exitCode = (await playAll(noNetwork)) ? 0 : 1;
}

async function playAll(skipped: string | null): Promise<boolean> {
  say({ minutes, seed: firstSeed, network: skipped ?? "of its own" });
  const problems = [...(await playParts()), ...(await playMeddling())];
  const total = { clusters: 0, rounds: 0, runs: 0, tasks: 0, attempts: 0, repeated: 0 };
  const faults: Record<string, number> = {};
  const endMs = Date.now() + minutes * 60_000;
  const goOn = (): boolean => Date.now() < endMs && total.rounds < roundsMax;
  for (let seed = firstSeed; goOn(); seed += 1) {
    total.clusters += 1;
    const shape = shapeFrom(new Random(hashOf(`shape ${seed}`)));
    problems.push(
      ...(await withCluster(seed, shape, (cluster) =>
        playRounds(cluster, seed, {
          goOn,
          count: (report) => {
            total.rounds += 1;
            for (const name of ["runs", "tasks", "attempts", "repeated"] as const) total[name] += report[name];
            for (const [name, count] of Object.entries(report.faults)) faults[name] = (faults[name] ?? 0) + count;
          },
        }),
      )),
    );
  }
  say({ ...total, problems: problems.length, faults });
  return problems.length === 0;
}

async function playParts(): Promise<readonly string[]> {
  if (tasks === 0) return [];
  return withCluster(firstSeed, { ...plainShape, isNetworked: isInOwnNetwork() }, async (cluster) => {
    const report = await killEachPart(cluster, new Random(firstSeed), tasks);
    say({ seed: firstSeed, ...report });
    return report.problems;
  });
}

async function playMeddling(): Promise<readonly string[]> {
  if (clientSeconds === 0) return [];
  return withCluster(firstSeed, { ...plainShape, isNetworked: isInOwnNetwork() }, async (cluster) => {
    const report = await playClients(cluster, { seed: firstSeed, clients: 6, seconds: clientSeconds });
    say({ seed: firstSeed, ...report });
    return report.problems;
  });
}

type Counting = { readonly goOn: () => boolean; readonly count: (report: RoundReport) => void };

async function playRounds(cluster: ChaosCluster, seed: number, { goOn, count }: Counting): Promise<readonly string[]> {
  const random = new Random(hashOf(`rounds ${seed}`));
  const submitter = new Submitter(cluster, { lossesMax });
  // The first round has no faults: what is expected is what a cluster does that is left alone.
  for (let round = 0; round < roundsOfCluster && (round === 0 || goOn()); round += 1) {
    if (round === 1) await worsenS3(cluster);
    const report = await playRound(cluster, {
      random,
      submitter,
      faultSeconds: round === 0 ? 0 : 12 + random.below(12),
      only: values.only ?? null,
    });
    const coordinator = { residentMiB: cluster.coordinator.residentMiB(), openFiles: cluster.coordinator.openFiles() };
    say({ seed, round, ...report, coordinator });
    count(report);
    if (report.problems.length > 0) return report.problems;
  }
  return [];
}

/** Resolves with what was wrong, also with what the cluster left when it had been ended. */
async function withCluster(
  seed: number,
  shape: ClusterShape,
  play: (cluster: ChaosCluster) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  say({ seed, cluster: shape });
  const cluster = await ChaosCluster.open(shape);
  const problems: string[] = [];
  try {
    await cluster.whole();
    problems.push(...(await play(cluster)));
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error), ...cluster.deaths);
    say({ seed, problems });
  }
  await cluster.s3?.clearFaults();
  const left = await cluster.close();
  if (left.length > 0) say({ seed, problems: left });
  problems.push(...left);
  if (problems.length > 0 && values.keep === true) say({ seed, kept: cluster.folder });
  else cluster.remove();
  return problems;
}

function shapeFrom(random: Random): ClusterShape {
  return {
    queue: random.chance(0.8) ? "nats" : "memory",
    store: random.pick(["presigned", "presigned", "presigned", "role", "folder"]),
    workers: random.pick([2, 3, 4]),
    slots: random.pick([1, 2, 4]),
    isolation: random.chance(0.9) ? "warm" : "process",
    cacheMiB: random.pick([1, 64]),
    threads: random.pick([1, 4]),
    isNetworked: isInOwnNetwork(),
    ...(values.older !== undefined && { older: resolve(values.older) }),
  };
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...line })}\n`);
}
