// Runs a flow from code: the same coordinator, worker and ledger as `stepwell run`, inside the caller's process.

import type { SubmitRequest } from "../../proto/control.ts";
import { parseStepName } from "../../proto/ids.ts";
import { defaultSession } from "../../sdk/client/connection.ts";
import type { AnyFlow, DataOf } from "../../sdk/client/data.ts";
import type { Run } from "../../sdk/client/run.ts";
import { definitionOf, type FlowDefinition } from "../../sdk/flow/definition.ts";
import type { FlowClass, FlowSpec } from "../../sdk/flow/flow-spec.ts";
import { resolveParameters } from "../../sdk/flow/parameter-values.ts";
import { checkFlow } from "../../sdk/graph/check-flow.ts";
import { formatProblem } from "../../sdk/graph/format-problem.ts";
import { isError } from "../../sdk/graph/problem.ts";
import { codeOf, type FlowCode } from "../flow-code.ts";
import { findFlowFile, type FlowFile } from "../flow-file.ts";
import type { Reader } from "../reader.ts";
import { startCluster } from "../start-cluster.ts";
import { settingsOfProcess } from "../process-settings.ts";
import { checkSameFlow, fileOf, resumeRequest, valuesOf, type EarlierValues } from "../resumption.ts";
import { checkStep, newestRun, resolveRun, viewRun } from "../run-name.ts";
import type { Settings } from "../settings.ts";
import { keepInputs, submitRequest } from "../submission.ts";
import { RunningRun } from "./running-run.ts";
import { sourceFileOf } from "./source-file.ts";

/** What is left out comes from the settings of the folder and the environment, as for `stepwell run`. */
export type RunnerOptions = {
  readonly tags?: readonly string[];
  /** Tasks at the same time; the machine's cores by default. */
  readonly maxWorkers?: number;
  /** Largest number of elements that one foreach may have; 100,000 by default. */
  readonly maxSplits?: number;
  /** -100 to 100: more or fewer turns than other runs that wait for the same workers; 0 by default. */
  readonly priority?: number;
  /** `process` gives every task a fresh process. */
  readonly isolation?: "warm" | "process";
  /** Stops what still runs as soon as one task has failed for good. */
  readonly failFast?: boolean;
  /** Cancels the run in an orderly way: it ends as `cancelled`. Aborted before anything has run, it makes the call reject. */
  readonly signal?: AbortSignal;
};

/**
 * By name, typed as the flow reads them; the others take their values from the environment or their defaults. Names that are no
 * parameters are refused when the run is submitted. A file parameter takes the file's content.
 */
export type ParametersOf<F> = Partial<DataOf<F>>;

export type ResumeOptions<F = AnyFlow> = RunnerOptions & {
  /** Changed ones; the others are the origin's. */
  readonly parameters?: ParametersOf<F>;
  /** This step and everything after it run again even where they succeeded. */
  readonly from?: string;
  /** The flow's file; by default the one that the origin was made of, or its code as it was where that file is gone. */
  readonly file?: string;
  /** Tasks whose failure was caught run again instead of being reused. */
  readonly rerunCaught?: boolean;
};

/**
 * Submits the flow, by its class or by the path of its file (`flow.ts`, or `flow.ts:TrainFlow` where it exports several), and
 * resolves while it runs. The run belongs to this process: it is interrupted if the process ends.
 * @throws Error that lists what is wrong with the flow or its parameters; nothing has run then
 */
export function start<F = AnyFlow>(file: string, parameters?: ParametersOf<F>, options?: RunnerOptions): Promise<RunningRun<F>>;
export function start<F extends FlowSpec>(
  flow: FlowClass<F>,
  parameters?: ParametersOf<F>,
  options?: RunnerOptions,
): Promise<RunningRun<F>>;
export function start<F>(flow: FlowClass | string, parameters?: ParametersOf<F>, options: RunnerOptions = {}): Promise<RunningRun<F>> {
  return begin<F>(flow, parameters, options);
}

async function begin<F>(flow: FlowClass | string, parameters: object | undefined, options: RunnerOptions): Promise<RunningRun<F>> {
  const settings = settingsWith(options);
  options.signal?.throwIfAborted();
  const file = await fileOfFlow(flow);
  const code = await readCode(file);
  const values = await valuesFor(code.definition, { values: { ...parameters }, inherited: [] }, settings);
  return submit<F>(settings, options, async ({ store }) => {
    const inputs = await keepInputs(store, code, values);
    return submitRequest(
      { settings, tags: options.tags ?? [], priority: options.priority ?? 0 },
      { graph: code.graph, ...inputs, flowPath: file.path, resume: null },
    );
  });
}

/** Runs the flow to its end. Resolves whatever the run's status; look at `run.successful`. @throws as `start` does */
export function run<F = AnyFlow>(file: string, parameters?: ParametersOf<F>, options?: RunnerOptions): Promise<Run<F>>;
export function run<F extends FlowSpec>(flow: FlowClass<F>, parameters?: ParametersOf<F>, options?: RunnerOptions): Promise<Run<F>>;
export async function run<F>(flow: FlowClass | string, parameters?: ParametersOf<F>, options: RunnerOptions = {}): Promise<Run<F>> {
  return (await begin<F>(flow, parameters, options)).finished;
}

/**
 * Starts a new run that takes over by reference everything that succeeded in the origin and is unchanged, and resolves while it
 * runs. `origin` is `TrainFlow/17`, `TrainFlow/latest`, or null for the newest run in the namespace.
 * @throws Error that tells what is wrong with the origin, the flow, or its parameters; nothing has run then
 */
export async function startResumed<F = AnyFlow>(origin: string | null = null, options: ResumeOptions<F> = {}): Promise<RunningRun<F>> {
  const settings = settingsWith(options);
  options.signal?.throwIfAborted();
  return submit<F>(settings, options, (local) =>
    requestToResume(origin, { ...options, parameters: { ...options.parameters } }, { settings, local }),
  );
}

/** As `startResumed`, to the end of the run. */
export async function resume<F = AnyFlow>(origin: string | null = null, options: ResumeOptions<F> = {}): Promise<Run<F>> {
  return (await startResumed<F>(origin, options)).finished;
}

function settingsWith({ maxWorkers, maxSplits, isolation, failFast }: RunnerOptions): Settings {
  return {
    ...settingsOfProcess(),
    ...(maxWorkers !== undefined && { maxWorkers: checkCount("maxWorkers", maxWorkers) }),
    ...(maxSplits !== undefined && { maxSplits: checkCount("maxSplits", maxSplits) }),
    ...(isolation !== undefined && { isolation }),
    ...(failFast !== undefined && { failFast }),
  };
}

function checkCount(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be a whole number of at least 1, not ${value}`);
  return value;
}

async function submit<F>(
  settings: Settings,
  { signal }: RunnerOptions,
  prepare: (local: Reader) => Promise<SubmitRequest>,
): Promise<RunningRun<F>> {
  const cluster = await startCluster(settings, process.env);
  try {
    const request = await prepare(cluster);
    // Whoever has the run when it has ended reads on through this.
    const session = await defaultSession();
    signal?.throwIfAborted();
    const run = await cluster.control.submit(request);
    await cluster.join(run);
    return new RunningRun<F>(run, { cluster, session, signal: signal ?? null });
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

async function fileOfFlow(flow: FlowClass | string): Promise<FlowFile> {
  if (typeof flow === "string") return findFlowFile(flow, process.cwd());
  return { path: await sourceFileOf(flow), flowName: definitionOf(flow).name };
}

/** @throws Error that lists what is wrong */
async function readCode({ path, flowName }: FlowFile): Promise<FlowCode> {
  const checked = await checkFlow(path, flowName === undefined ? {} : { flowName });
  if (checked.graph !== null) return { graph: checked.graph, definition: checked.definition, bytes: checked.package };
  const errors = checked.problems.filter(isError).map((problem) => formatProblem(problem, { color: false }));
  throw new Error(`the flow cannot run:\n${errors.join("\n")}`);
}

async function valuesFor(
  definition: FlowDefinition,
  { values, inherited }: EarlierValues,
  settings: Settings,
): Promise<ReadonlyMap<string, unknown>> {
  const resolved = await resolveParameters(
    definition.parameters,
    { values, inherited, environment: process.env },
    { flow: definition.name, user: settings.user, directory: process.cwd() },
  );
  if (resolved.ok) return resolved.values;
  const problems = resolved.problems.map((problem) => `${problem.message} (${problem.hint})`);
  throw new Error(`${definition.name} cannot run: ${problems.join("; ")}`);
}

type Resuming = { readonly settings: Settings; readonly local: Reader };

async function requestToResume(origin: string | null, options: ResumeOptions, { settings, local }: Resuming): Promise<SubmitRequest> {
  const { control, store, storeOf } = local;
  const scope = { control, namespace: settings.namespace };
  const view = await viewRun(origin === null ? await newestRun(null, scope) : await resolveRun(origin, scope), control);
  const { from = null, rerunCaught = false } = options;
  if (from !== null) checkStep(view, from);
  const codeBefore = await codeOf(view, storeOf(view.run));
  const remembered = fileOf(view, settings.dir);
  const file =
    options.file !== undefined
      ? findFlowFile(options.file, process.cwd())
      : remembered?.exists === true
        ? { path: remembered.path, flowName: view.flow }
        : null;
  const code = file === null ? codeBefore : await readCode({ path: file.path, flowName: file.flowName ?? view.flow });
  if (file !== null) checkSameFlow(code, view, file.path);
  const before = await valuesOf(view, code, storeOf(view.run));
  const values = await valuesFor(code.definition, { ...before, values: { ...before.values, ...options.parameters } }, settings);
  const inputs = await keepInputs(store, code, values);
  return submitRequest(
    { settings, tags: options.tags ?? [], priority: options.priority ?? 0 },
    {
      graph: code.graph,
      ...inputs,
      flowPath: file?.path ?? null,
      resume: resumeRequest({
        origin: { view, from: from === null ? null : parseStepName(from) },
        before: codeBefore,
        code,
        parameters: inputs.parameters,
        rerunCaught,
      }),
    },
  );
}
