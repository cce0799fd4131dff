// Runs of the chaos flow at a cluster that may be failing at the moment: submitted, followed to their end, judged.

import { join } from "node:path";
import { defaultRunOptions, type RecordedEvent, type RunOptions } from "../../../proto/event.ts";
import { ControlError, type SubmitRequest } from "../../../proto/control.ts";
import type { FlowName, RunId } from "../../../proto/ids.ts";
import type { RunView } from "../../../proto/view.ts";
import { keepArtifacts } from "../../../sdk/artifact/keep.ts";
import { readArtifact } from "../../../sdk/artifact/read.ts";
import { checkFlow, type CheckedFlow } from "../../../sdk/graph/check-flow.ts";
import { eventually, type ChaosCluster } from "./chaos-cluster.ts";
import { effectsOf, judge, type Judged } from "./history.ts";
import { expectedSummary, expectedTasks, type Shape } from "./workload.ts";

/** `run` is null where the submission was cut off: it may have come through. `tag` finds it. */
export type Submitted = { readonly shape: Shape; readonly tag: string; run: RunId | null };

export class Submitter {
  readonly #cluster: ChaosCluster;
  readonly #options: Partial<RunOptions>;
  readonly #checked: Promise<CheckedFlow>;
  #count = 0;

  /** What is not given is as usual. */
  constructor(cluster: ChaosCluster, options: Partial<RunOptions>) {
    this.#cluster = cluster;
    this.#options = options;
    this.#checked = checkFlow(join(cluster.folder, "flow.ts"));
  }

  async submit(shape: Shape): Promise<Submitted> {
    const submitted: Submitted = { shape, tag: `submission-${(this.#count += 1)}`, run: null };
    const request = await this.request(shape, submitted.tag);
    try {
      submitted.run = await this.#cluster.remote.control.submit(request);
    } catch (error) {
      if (!(error instanceof ControlError) || (error.code !== "unreachable" && error.code !== "unavailable")) throw error;
    }
    return submitted;
  }

  /** What the request names is in the store when it resolves. */
  async request(shape: Shape, tag: string): Promise<SubmitRequest> {
    const { graph, package: bytes, problems } = await this.#checked;
    if (graph === null) throw new Error(JSON.stringify(problems));
    const { store } = this.#cluster.remote;
    const parameters = new Map<string, unknown>([...Object.entries(shape), ["effects", this.#cluster.effectsFile]]);
    const [codePackage, kept] = await eventually("the store", () => Promise.all([store.put(bytes), keepArtifacts(parameters, store)]));
    return {
      graph,
      codePackage,
      parameters: kept,
      secrets: [],
      options: { ...defaultRunOptions, workersMax: 1000, ...this.#options },
      tags: [tag],
      systemTags: ["user:tester"],
      namespace: "user:tester",
      user: "tester",
      resume: null,
    };
  }

  /** Null where the submission never arrived. */
  async find({ run, tag }: Submitted): Promise<RunId | null> {
    const { control } = this.#cluster.remote;
    const flow = "ChaosFlow" as FlowName;
    const { items } = await eventually("the list of runs", () => control.runs({ flow, namespace: null, tags: [tag], limit: 10 }));
    if (items.length > 1) throw new Error(`one submission made ${items.length} runs: ${items.map((item) => item.run).join(", ")}`);
    const found = items[0]?.run ?? null;
    if (run !== null && found !== run) throw new Error(`${run} was accepted, and is not in the list under its tag`);
    return found;
  }
}

/** Waits for the end of the run, and judges it by its events, its effects and its result. */
export async function judgeRun(cluster: ChaosCluster, run: RunId, shape: Shape): Promise<Judged> {
  const { store } = cluster.remote;
  const view = await endOf(cluster, run);
  const events = await eventually(`the events of ${run}`, () => eventsOf(cluster, run));
  const judged = judge(events, effectsOf(cluster.effects(), run), { tasks: expectedTasks(shape) });
  const problems = [...judged.problems];
  if (view.status !== "succeeded") problems.push(`${run} ${view.status}: ${JSON.stringify(view.firstFailure)}`);
  else {
    const { summary } = view.result ?? {};
    const got = summary === undefined ? "nothing" : await eventually("the result", () => readArtifact(summary, store));
    const [is, should] = [JSON.stringify(got), JSON.stringify(expectedSummary(shape))];
    if (is !== should) problems.push(`${run} computed ${is} instead of ${should}`);
  }
  return { ...judged, problems: problems.map((problem) => `${run}: ${problem}`) };
}

/** However long it takes, as long as it goes on. */
export async function endOf({ remote: { control } }: ChaosCluster, run: RunId): Promise<RunView> {
  for (let seq = 0; ;) {
    const view = await eventually(`another event of ${run}, which is at ${seq}`, async () => {
      const seen = await control.run(run);
      return seen.finishedAtMs !== null || seen.seq > seq ? seen : null;
    });
    if (view.finishedAtMs !== null) return view;
    ({ seq } = view);
  }
}

export async function eventsOf({ remote }: ChaosCluster, run: RunId): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const recorded of remote.control.events(run, 0)) events.push(recorded);
  return events;
}
