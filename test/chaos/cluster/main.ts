// `npm run test:chaos`: clusters of real processes under faults, round after round, until the time is over. Says what it did as
// lines of JSON; the last one sums up. Exit code 1 where anything was wrong, and then the seed that shows it is in the line.
//
//   --minutes N   how long (default 2)      --rounds N   at most so many rounds
//   --seed N      the first cluster's seed; the next has the next number
//   --keep        leaves the folders of clusters that failed

import { parseArgs } from "node:util";
import { hashOf, Random } from "../../simulation/random.ts";
import { ChaosCluster, type ClusterShape } from "./chaos-cluster.ts";
import { worsenS3 } from "./faults.ts";
import { isInOwnNetwork, runInOwnNetwork, whyNoNetwork } from "./network.ts";
import { playRound, type RoundReport } from "./round.ts";
import { Submitter } from "./submitted.ts";

const type = "string";
const { values } = parseArgs({
  options: { minutes: { type }, rounds: { type }, seed: { type }, keep: { type: "boolean" } },
});
const minutes = Number(values.minutes ?? 2);
const roundsMax = Number(values.rounds ?? 1_000_000);
const firstSeed = Number(values.seed ?? Date.now() % 1_000_000);
const roundsOfCluster = 4;

const noNetwork = whyNoNetwork();
if (!isInOwnNetwork() && noNetwork === null) process.exitCode = await runInOwnNetwork();
else process.exitCode = (await playAll(noNetwork)) ? 0 : 1;

async function playAll(skipped: string | null): Promise<boolean> {
  say({ minutes, seed: firstSeed, network: skipped ?? "of its own" });
  const endMs = Date.now() + minutes * 60_000;
  const total = { clusters: 0, rounds: 0, runs: 0, tasks: 0, attempts: 0, repeated: 0, problems: 0 };
  const faults: Record<string, number> = {};
  for (let seed = firstSeed; Date.now() < endMs && total.rounds < roundsMax; seed += 1) {
    total.clusters += 1;
    for await (const report of playCluster(seed, () => Date.now() < endMs && total.rounds < roundsMax)) {
      total.problems += report.problems.length;
      if (!("runs" in report)) continue;
      total.rounds += 1;
      for (const name of ["runs", "tasks", "attempts", "repeated"] as const) total[name] += report[name];
      for (const [name, count] of Object.entries(report.faults)) faults[name] = (faults[name] ?? 0) + count;
    }
  }
  say({ ...total, faults });
  return total.problems === 0;
}

type Left = { readonly problems: readonly string[] };

async function* playCluster(seed: number, goOn: () => boolean): AsyncGenerator<RoundReport | Left> {
  const random = new Random(hashOf(`cluster ${seed}`));
  const shape = shapeFrom(random);
  say({ seed, cluster: shape });
  const cluster = await ChaosCluster.open(shape);
  let failed = false;
  try {
    await cluster.whole();
    const submitter = new Submitter(cluster);
    // The first round has no faults: what is expected is what a cluster does that is left alone.
    for (let round = 0; round < roundsOfCluster && (round === 0 || goOn()); round += 1) {
      if (round === 1) await worsenS3(cluster);
      const report = await playRound(cluster, { random, submitter, faultSeconds: round === 0 ? 0 : 12 + random.below(12) });
      say({ seed, round, ...report, coordinatorMiB: cluster.coordinator.residentMiB() });
      failed ||= report.problems.length > 0;
      yield report;
      if (failed) break;
    }
  } catch (error) {
    failed = true;
    const problems = [error instanceof Error ? (error.stack ?? error.message) : String(error), ...cluster.deaths];
    say({ seed, problems });
    yield { problems };
  } finally {
    await cluster.s3?.clearFaults();
    const problems = await cluster.close();
    if (problems.length > 0) say({ seed, problems });
    failed ||= problems.length > 0;
    if (failed && values.keep === true) say({ seed, kept: cluster.folder });
    else cluster.remove();
    yield { problems };
  }
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
  };
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...line })}\n`);
}
