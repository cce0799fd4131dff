// Runs a flow from code: the same coordinator, worker and ledger as `stepwell run`, inside the caller's process.

import { basename, resolve } from "node:path";
import { defaultRunOptions } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";
import type { SubmitRequest } from "../../proto/control.ts";
import type { LogLine } from "../../proto/view.ts";
import { keepArtifacts } from "../../sdk/artifact/keep.ts";
import { defaultSession } from "../../sdk/client/connection.ts";
import type { DataOf } from "../../sdk/client/data.ts";
import { Run } from "../../sdk/client/run.ts";
import type { FlowClass, FlowSpec } from "../../sdk/flow/flow-spec.ts";
import { resolveParameters } from "../../sdk/flow/parameter-values.ts";
import { checkFlow, type SoundFlow } from "../../sdk/graph/check-flow.ts";
import { formatProblem } from "../../sdk/graph/format-problem.ts";
import { isError } from "../../sdk/graph/problem.ts";
import { type LocalCluster, startLocal } from "../local-cluster.ts";
import { settingsOfProcess } from "../process-settings.ts";
import type { Settings } from "../settings.ts";
import { sourceFileOf } from "./source-file.ts";

export type RunnerOptions = {
  readonly tags?: readonly string[];
  /** Tasks at the same time; the machine's cores by default. */
  readonly maxWorkers?: number;
  readonly maxSplits?: number;
  readonly isolation?: "warm" | "process";
  /** Stops what still runs as soon as one task has failed for good. */
  readonly failFast?: boolean;
  /** Cancels the run in an orderly way. */
  readonly signal?: AbortSignal;
};

/** A run that goes on. Its process holds the coordinator, so the run ends with it. */
export type RunningRun<F> = {
  readonly id: RunId;
  /** The run as it is now. */
  read(): Promise<Run<F>>;
  /** Lines of all tasks as they are printed, until the run has ended. */
  logLines(): AsyncIterable<LogLine>;
  cancel(): Promise<void>;
  /** Resolves when the run has ended, whatever its status, and everything that it started has too. */
  readonly finished: Promise<Run<F>>;
};

/**
 * Submits the flow, by its class or by the path of its file, and returns while it runs.
 * @throws Error that lists what is wrong with the flow or its parameters; nothing has run then
 */
export async function start<F extends FlowSpec>(
  flow: FlowClass<F> | string,
  parameters: Partial<DataOf<F>> = {},
  options: RunnerOptions = {},
): Promise<RunningRun<F>> {
  const settings = settingsOfProcess();
  const file = resolve(typeof flow === "string" ? flow : await sourceFileOf(flow));
  const checked = await check(file, typeof flow === "string" ? null : flow.name);
  const values = await valuesOf(checked, parameters, settings);
  const { maxWorkers = settings.maxWorkers, isolation = settings.isolation } = options;
  const cluster = await startLocal({ dir: settings.dir, slots: maxWorkers, isolation, log: settings.logLevel });
  try {
    const inputs = new Map([...Object.entries(checked.definition.constants), ...values]);
    const [codePackage, kept] = await Promise.all([cluster.store.put(checked.package), keepArtifacts(inputs, cluster.store)]);
    const id = await cluster.control.submit({ ...requestOf(checked, settings, options), codePackage, parameters: kept });
    return running<F>(cluster, id, options.signal);
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

/** Runs the flow to its end. Resolves whatever the run's status; look at `run.successful`. */
export async function run<F extends FlowSpec>(
  flow: FlowClass<F> | string,
  parameters: Partial<DataOf<F>> = {},
  options: RunnerOptions = {},
): Promise<Run<F>> {
  return (await start(flow, parameters, options)).finished;
}

async function check(file: string, flowName: string | null): Promise<SoundFlow> {
  const checked = await checkFlow(file, flowName === null ? {} : { flowName });
  if (checked.graph !== null) return checked;
  const errors = checked.problems.filter(isError).map((problem) => formatProblem(problem, { color: false }));
  throw new Error(`${basename(file)} cannot run:\n${errors.join("\n")}`);
}

async function valuesOf({ definition }: SoundFlow, parameters: object, settings: Settings): Promise<ReadonlyMap<string, unknown>> {
  const sources = { values: { ...parameters }, environment: process.env };
  const resolved = await resolveParameters(definition.parameters, sources, {
    flow: definition.name,
    user: settings.user,
    directory: process.cwd(),
  });
  if (resolved.ok) return resolved.values;
  throw new Error(resolved.problems.map((problem) => `${problem.message} (${problem.hint})`).join("\n"));
}

function requestOf({ graph }: SoundFlow, settings: Settings, options: RunnerOptions): Omit<SubmitRequest, "codePackage" | "parameters"> {
  const {
    tags = [],
    maxWorkers = settings.maxWorkers,
    maxSplits = settings.maxSplits,
    isolation = settings.isolation,
    failFast = settings.failFast,
  } = options;
  return {
    graph,
    secrets: graph.parameters.filter((spec) => spec.secret).map((spec) => spec.name),
    options: { ...defaultRunOptions, failFast, splitsMax: maxSplits, workersMax: maxWorkers, isolation },
    tags,
    systemTags: [`user:${settings.user}`, "runtime:local"],
    namespace: settings.namespace === "" ? `user:${settings.user}` : settings.namespace,
    user: settings.user,
    resume: null,
  };
}

function running<F>(cluster: LocalCluster, id: RunId, signal: AbortSignal | undefined): RunningRun<F> {
  const session = { connection: cluster, namespace: null };
  const read = async (): Promise<Run<F>> => new Run<F>(session, await cluster.control.run(id));
  const cancel = (): Promise<void> => cluster.control.cancel(id, "the program that started it");
  // A run that has ended meanwhile needs no cancelling.
  const onAbort = (): void => void cancel().catch(() => undefined);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const finish = async (): Promise<Run<F>> => {
    try {
      await (await read()).wait();
      // Outlives the cluster, so that the caller can go on reading.
      return new Run<F>(await defaultSession(), await cluster.control.run(id));
    } finally {
      signal?.removeEventListener("abort", onAbort);
      await cluster.close();
    }
  };
  return { id, read, cancel, logLines: () => cluster.control.logs({ run: id, follow: true }), finished: finish() };
}
