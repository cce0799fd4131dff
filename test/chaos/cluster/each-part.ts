// One long run during which each part of its cluster is killed in turn, and in the end all of them at once.

import { pause } from "../started.ts";
import type { Random } from "../../simulation/random.ts";
import { eventually, type ChaosCluster } from "./chaos-cluster.ts";
import { judgeRun, Submitter } from "./submitted.ts";

export type PartsReport = {
  readonly problems: readonly string[];
  readonly tasks: number;
  readonly attempts: number;
  readonly failures: Readonly<Record<string, number>>;
  /** What was killed, and how many tasks had succeeded then. */
  readonly killed: readonly string[];
  readonly runMs: number;
};

type Kill = (cluster: ChaosCluster, random: Random) => Promise<void>;

const kills: Readonly<Record<string, Kill>> = {
  "a worker": async ({ workers }, random) => {
    const worker = random.pick(workers);
    await worker.end("SIGKILL");
    worker.start();
  },
  "a task process": async ({ workers }, random) => {
    const pid = workers.flatMap((worker) => worker.children())[random.below(2)];
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  },
  "the coordinator": async ({ coordinator }) => {
    await coordinator.end("SIGKILL");
    await pause(2000);
    coordinator.start();
  },
  "nats-server": async ({ nats }) => {
    await nats?.kill();
    await pause(2000);
    await nats?.start();
  },
  "nats-server and its disk": async ({ nats }) => {
    await nats?.kill();
    await nats?.wipe();
    await nats?.start();
  },
  // What an S3 server has stored is gone with it: this one only does not answer for a while.
  "the S3 server": async ({ s3 }) => {
    if (s3 === null) return;
    process.kill(s3.pid, "SIGSTOP");
    await pause(3000);
    process.kill(s3.pid, "SIGCONT");
  },
  "all workers": async ({ workers }) => {
    await Promise.all(workers.map((worker) => worker.end("SIGKILL")));
    for (const worker of workers) worker.start();
  },
  everything: async ({ workers, coordinator, nats }) => {
    await Promise.all([...workers, coordinator].map((member) => member.end("SIGKILL")));
    await nats?.kill();
    await pause(1000);
    await nats?.start();
    for (const member of [coordinator, ...workers]) member.start();
  },
};

/** A run of about so many tasks, with the losses that a run may have by default. */
export async function killEachPart(cluster: ChaosCluster, random: Random, tasks: number): Promise<PartsReport> {
  const shape = { n: tasks - 30, outer: 3, inner: 4, bytes: 0, pauseMs: 4 };
  const beganMs = Date.now();
  const submitter = new Submitter(cluster, {});
  const submitted = await submitter.submit(shape);
  const run = await submitter.find(submitted);
  if (run === null) throw new Error("the submission did not arrive at a cluster that nobody had disturbed");
  const names = Object.keys(kills);
  const killed: string[] = [];
  for (const [index, [name, kill]] of Object.entries(kills).entries()) {
    const share = (index + 1) / (names.length + 2);
    const succeeded = await eventually(`${Math.round(share * 100)} % of ${run}`, async () => {
      const { counts, finishedAtMs } = await cluster.remote.control.run(run);
      return counts.succeeded >= share * tasks || finishedAtMs !== null ? counts.succeeded : null;
    });
    killed.push(`${name} at ${succeeded}`);
    await kill(cluster, random);
  }
  await cluster.whole();
  const judged = await judgeRun(cluster, run, shape);
  const problems = [...judged.problems, ...cluster.deaths.splice(0)];
  const late = killed.filter((text) => Number(text.split(" at ")[1]) >= tasks);
  if (late.length > 0) problems.push(`the run had ended before these were killed: ${late.join(", ")}`);
  return { problems, tasks: judged.tasks, attempts: judged.attempts, failures: judged.failures, killed, runMs: Date.now() - beganMs };
}
