// Several clients at once, each with a connection of its own, submit, cancel, retry, tag and read the same runs, while parts of
// the cluster are killed; then it is judged whether what they were told fits together.

import { ControlError } from "../../../proto/control.ts";
import { unreachable } from "../../../proto/unreachable.ts";
import type { FlowName, RunId } from "../../../proto/ids.ts";
import type { Remote } from "../../../cli/cluster/remote.ts";
import { pause } from "../started.ts";
import { hashOf, Random } from "../../simulation/random.ts";
import { eventually, type ChaosCluster } from "./chaos-cluster.ts";
import { judgeClients, type Final, type Operation } from "./client-history.ts";
import { effectsOf, judge } from "./history.ts";
import { endOf, eventsOf, Submitter } from "./submitted.ts";
import { expectedTasks } from "./workload.ts";

export type ClientsReport = {
  readonly problems: readonly string[];
  /** By kind and answer. */
  readonly operations: Readonly<Record<string, number>>;
  readonly runs: number;
};

export type ClientsOptions = { readonly seed: number; readonly clients: number; readonly seconds: number };

const shape = { n: 4, outer: 1, inner: 2, bytes: 0, pauseMs: 20 };
/** A run takes no more tags than fifty. */
const tagsOfRunMax = 40;

type Shared = {
  readonly cluster: ChaosCluster;
  readonly submitter: Submitter;
  readonly operations: Operation[];
  readonly runs: RunId[];
  readonly endMs: number;
};

export async function playClients(cluster: ChaosCluster, { seed, clients, seconds }: ClientsOptions): Promise<ClientsReport> {
  const shared: Shared = {
    cluster,
    submitter: new Submitter(cluster, {}),
    operations: [],
    runs: [],
    endMs: Date.now() + seconds * 1000,
  };
  const acting = Array.from({ length: clients }, (_, client) =>
    actAsClient(shared, client, new Random(hashOf(`client ${seed} ${client}`))),
  );
  const meddling = killNowAndThen(shared, new Random(hashOf(`meddler ${seed}`)));
  await Promise.all([...acting, meddling]);
  await cluster.whole();
  const { finals, problems } = await finish(shared);
  const counts: Record<string, number> = {};
  for (const { kind, answer } of shared.operations) counts[`${kind} ${answer}`] = (counts[`${kind} ${answer}`] ?? 0) + 1;
  return {
    problems: [...judgeClients(shared.operations, finals), ...problems, ...cluster.deaths.splice(0)],
    operations: counts,
    runs: finals.length,
  };
}

async function actAsClient(shared: Shared, client: number, random: Random): Promise<void> {
  const remote = shared.cluster.connect();
  // What reads is asked again only by a client that has been answered once.
  await remote.control.workers();
  for (let number = 0; Date.now() < shared.endMs; number += 1) {
    await pause(random.below(120));
    const run =
      shared.runs.length === 0 || random.chance(0.1) ? null : (shared.runs.at(-1 - random.below(Math.min(6, shared.runs.length))) ?? null);
    shared.operations.push(await act(shared, remote, { run, name: `${client}-${number}`, random }));
  }
  await remote.close();
}

type Act = { readonly run: RunId | null; readonly name: string; readonly random: Random };

async function act(shared: Shared, { control }: Remote, { run, name, random }: Act): Promise<Operation> {
  if (run === null) return submit(shared, control, `submission-${name}`);
  const kind = random.pick(["read", "read", "read", "tag", "cancel", "retry"] as const);
  const asker = { by: `client ${name}` };
  const timed = { kind, run, beganMs: performance.now() };
  switch (kind) {
    case "read": {
      let seen: Operation["seen"];
      const answer = await answerOf(control.run(run).then(({ seq, tags }) => (seen = { seq, tags })));
      return { ...timed, answer, endedMs: performance.now(), ...(seen !== undefined && { seen }) };
    }
    case "tag": {
      const isFull = shared.operations.filter((one) => one.run === run && one.kind === "tag").length >= tagsOfRunMax;
      if (isFull) return { ...timed, answer: "refused", endedMs: performance.now() };
      const answer = await answerOf(control.tag(run, asker, { add: [name], remove: [] }));
      return { ...timed, tag: name, answer, endedMs: performance.now() };
    }
    case "cancel":
      return { ...timed, answer: await answerOf(control.cancel(run, asker)), endedMs: performance.now() };
    case "retry":
      return { ...timed, answer: await answerOf(control.retry(run, asker, null)), endedMs: performance.now() };
    default:
      return unreachable(kind);
  }
}

async function submit({ submitter, runs }: Shared, control: Remote["control"], tag: string): Promise<Operation> {
  const request = await submitter.request(shape, tag);
  const beganMs = performance.now();
  let run: RunId | null = null;
  const answer = await answerOf(control.submit(request).then((given) => (run = given)));
  if (run !== null) runs.push(run);
  return { kind: "submit", run, tag, beganMs, endedMs: performance.now(), answer };
}

async function answerOf(asked: Promise<unknown>): Promise<Operation["answer"]> {
  try {
    await asked;
    return "done";
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    return error.code === "unreachable" || error.code === "unavailable" ? "unknown" : "refused";
  }
}

/** The coordinator every few seconds; sometimes a worker or NATS. */
async function killNowAndThen({ cluster, endMs }: Shared, random: Random): Promise<void> {
  while (Date.now() < endMs) {
    await pause(2000 + random.below(4000));
    const target = random.below(4);
    if (target === 0) {
      await cluster.nats?.kill();
      await cluster.nats?.start();
    } else {
      const member = target === 1 ? random.pick(cluster.workers) : cluster.coordinator;
      await member.end(random.chance(0.7) ? "SIGKILL" : "SIGTERM");
      await pause(random.below(1000));
      member.start();
    }
  }
}

/** Every run comes to its end, and is judged by itself. */
async function finish({
  cluster,
  operations,
}: Shared): Promise<{ readonly finals: readonly Final[]; readonly problems: readonly string[] }> {
  const { control } = cluster.remote;
  const listed = await eventually("the list of runs", () => control.runs({ flow: "ChaosFlow" as FlowName, namespace: null, limit: 1000 }));
  const problems: string[] = [];
  const finals: Final[] = [];
  for (const { run } of listed.items) {
    const view = await endOf(cluster, run);
    const events = await eventually(`the events of ${run}`, () => eventsOf(cluster, run));
    const cancelled = operations.some((one) => one.run === run && one.kind === "cancel" && one.answer !== "refused");
    const judged = judge(events, effectsOf(cluster.effects(), run), { tasks: expectedTasks(shape), cancelled });
    problems.push(...judged.problems.map((problem) => `${run}: ${problem}`));
    if (view.status !== "succeeded" && !(cancelled && view.status === "cancelled"))
      problems.push(`${run} ${view.status}: ${JSON.stringify(view.firstFailure)}`);
    finals.push({ run, tags: view.tags, events });
  }
  return { finals, problems };
}
