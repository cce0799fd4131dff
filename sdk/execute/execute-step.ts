// Runs one attempt of a task: the flow object with the artifacts that the order speaks of, the step, and what came out.

import { type ArtifactRef, type Artifacts, cardArtifact, elementAt } from "../../proto/artifact.ts";
import type { Failure } from "../../proto/failure.ts";
import type { TaskOrder, TaskOutcome } from "../../proto/order.ts";
import { keepArtifacts } from "../artifact/keep.ts";
import { RefusedArtifactError } from "../artifact/refused.ts";
import { type ArtifactStore, ArtifactStoreError, type BlockingReader } from "../artifact/store.ts";
import { TaskCard } from "../card/task-card.ts";
import { type CurrentTask, withCurrent } from "../flow/current.ts";
import { stepTestOf } from "../flow/definition.ts";
import type { FlowClass } from "../flow/flow-spec.ts";
import { type Progress, progressOf } from "../flow/progress.ts";
import { tie } from "../flow/task.ts";
import { ArtifactReader } from "./artifact-reader.ts";
import { failureOf, failureOfAbort, hintAtUnset, type Locate } from "./failure-of.ts";
import { FlowState } from "./flow-state.ts";
import { buildInputs } from "./join-inputs.ts";
import { Meter } from "./meter.ts";
import { StepTask } from "./step-task.ts";

export type ExecuteInput = {
  readonly order: TaskOrder;
  readonly flowClass: FlowClass;
  readonly store: ArtifactStore & BlockingReader;
  /** Ends the attempt. A `Failure` as its reason becomes the attempt's failure; anything else counts as cancelled. */
  readonly signal: AbortSignal;
  /** Exists, and is this attempt's alone. */
  readonly tempDir: string;
  readonly now?: () => number;
  readonly report?: (progress: Progress) => void;
  readonly locate?: Locate;
  /** The step's code is done, and what it set is about to be kept: from here on time-outs must not cut. */
  readonly codeDone?: () => void;
  /** How long after the signal a step may go on, to clean up; looked up when the signal comes. Default 1,000. */
  readonly graceMs?: number;
};

/** Never rejects for what a step does. */
export async function executeStep(input: ExecuteInput): Promise<TaskOutcome> {
  const meter = new Meter(input.now ?? Date.now);
  const attempt = new Attempt(input);
  try {
    const returned = await attempt.run().finally(input.codeDone);
    return { ...(await attempt.succeed(returned)), usage: meter.read() };
  } catch (error) {
    return { ...(await attempt.fail(error)), usage: meter.read() };
  }
}

/** Thrown inside to end an attempt whose signal was aborted. */
class Aborted extends Error {
  override readonly name = "Aborted";
  readonly failure: Failure;
  constructor(failure: Failure) {
    super("the attempt was ended");
    this.failure = failure;
  }
}

type Succeeded = Omit<Extract<TaskOutcome, { kind: "succeeded" }>, "usage">;
type Failed = Omit<Extract<TaskOutcome, { kind: "failed" }>, "usage">;

class Attempt {
  readonly #input: ExecuteInput;
  readonly #path: string;
  readonly #card = new TaskCard();
  #source = "";
  #flow: object = {};
  /** Null until the flow has been constructed. */
  #state: FlowState | null = null;
  #task: StepTask | null = null;

  constructor(input: ExecuteInput) {
    this.#input = input;
    this.#path = `${input.order.run}/${input.order.task}`;
  }

  /** What the step returned. */
  async run(): Promise<unknown> {
    const { order, flowClass, signal } = this.#input;
    if (signal.aborted) throw new Aborted(failureOfAbort(signal.reason));
    const flow = new flowClass();
    const method: unknown = Reflect.get(flow, order.step);
    if (typeof method !== "function") throw new Error(`${order.flow} has no step ${order.step} in this code package`);
    this.#flow = flow;
    this.#source = Function.prototype.toString.call(method);
    const reader = new ArtifactReader(this.#input.store, { filesFolder: () => this.#input.tempDir });
    const isStep = stepTestOf(flowClass);
    const visible = visibleTo(order);
    const state = new FlowState({ flow, path: this.#path, reader, parameters: order.parameters, visible, isStep });
    const task = new StepTask({ order, flow, state, reader, isStep });
    tie(flow, task);
    [this.#state, this.#task] = [state, task];
    const args = argumentsOf(order, { flow, reader, task, takesElement: takesArgument(method, this.#source) });
    const returned: unknown = withCurrent(currentOf(this.#input, { flow, card: this.#card }), () => Reflect.apply(method, flow, args));
    const settled = isThenable(returned) ? await untilAborted(returned, signal, () => this.#input.graceMs ?? 1000) : returned;
    if (signal.aborted) throw new Aborted(failureOfAbort(signal.reason));
    return settled;
  }

  async succeed(returned: unknown): Promise<Succeeded> {
    const { order, store } = this.#input;
    if (this.#task === null || this.#state === null) throw new Error("a step cannot succeed before it has run");
    const { refs, values } = this.#state.result();
    const all = new Map(values);
    const variable = order.catchVar;
    if (variable !== null && !all.has(variable) && refs[variable] === undefined) all.set(variable, undefined);
    const card = this.#card.kept();
    if (card !== null) all.set(cardArtifact, card);
    const taken = await this.#task.taken(returned, store);
    return { kind: "succeeded", taken, artifacts: { ...refs, ...(await keepArtifacts(all, store)) } };
  }

  async fail(error: unknown): Promise<Failed> {
    const { order, locate } = this.#input;
    const failure = error instanceof Aborted ? error.failure : failureOf(error, locate);
    const hint = hintAtUnset(error, this.#source, this.#flow);
    const hinted = failure.kind === "userError" && hint !== null ? { ...failure, message: `${failure.message} (${hint})` } : failure;
    return { kind: "failed", failure: hinted, artifacts: order.keepOnFailure ? await this.#keepWhatCan() : {} };
  }

  /** One value that cannot be kept must not cost the others, nor a full disk the reason of the failure. */
  async #keepWhatCan(): Promise<Artifacts> {
    const kept: Record<string, ArtifactRef> = {};
    const { catchVar } = this.#input.order;
    try {
      const { refs, values } = this.#state?.result() ?? { refs: {}, values: new Map<string, unknown>() };
      Object.assign(kept, refs);
      for (const [name, value] of values) {
        if (name !== catchVar) Object.assign(kept, await this.#keepOne(name, value));
      }
      const card = this.#card.kept();
      if (card !== null) Object.assign(kept, await this.#keepOne(cardArtifact, card));
    } catch (error) {
      if (!(error instanceof RefusedArtifactError || error instanceof ArtifactStoreError)) throw error;
    }
    return kept;
  }

  async #keepOne(name: string, value: unknown): Promise<Artifacts> {
    try {
      return await keepArtifacts(new Map([[name, value]]), this.#input.store);
    } catch (error) {
      if (error instanceof RefusedArtifactError) return {};
      throw error;
    }
  }
}

/** What the step finds set. The join of an empty foreach sees what was there before the foreach; other joins see nothing. */
function visibleTo(order: TaskOrder): Artifacts {
  if (order.inputs.kind === "single") return order.inputs.artifacts;
  return order.inputs.inputs.length === 0 ? order.inputs.base : {};
}

// A default value hides the parameter from `length`, so the text decides in doubt.
function takesArgument(method: Function, source: string): boolean {
  return method.length > 0 || !/^[^(]*\(\s*\)/.test(source);
}

function argumentsOf(
  order: TaskOrder,
  { flow, reader, task, takesElement }: { flow: object; reader: ArtifactReader; task: StepTask; takesElement: boolean },
): readonly unknown[] {
  if (order.inputs.kind === "single") return order.frames.length > 0 && takesElement ? [task.input()] : [];
  const { split, base, inputs, elements } = order.inputs;
  const frame = order.frames.at(-1);
  const build = {
    run: order.run,
    split,
    base,
    inputs,
    flow,
    parameters: Object.keys(order.parameters),
    reader,
    index: frame?.index ?? null,
    elementAt: (index: number): unknown => {
      if (split === "branch") return task.input();
      if (elements === null) throw new Error("the inputs of a branch have no elements");
      return reader.readElement(elementAt(elements, index), `${order.run}/${order.task}`);
    },
  };
  return [buildInputs(build)];
}

function currentOf(input: ExecuteInput, { flow, card }: { readonly flow: object; readonly card: TaskCard }): CurrentTask {
  const { order, signal, report } = input;
  let parameters: Readonly<Record<string, unknown>> | undefined;
  return {
    flow: order.flow,
    run: order.run,
    originRun: order.context.originRun,
    step: order.step,
    task: order.task,
    attempt: order.attempt,
    get parameters() {
      parameters ??= Object.freeze(Object.fromEntries(Object.keys(order.parameters).map((name) => [name, Reflect.get(flow, name)])));
      return parameters;
    },
    tags: order.context.tags,
    namespace: order.context.namespace,
    user: order.context.user,
    // Looked up when it is used, so that a folder that nobody wants need not be made.
    get tempDir() {
      return input.tempDir;
    },
    signal,
    idempotencyKey: `${order.run}/${order.task}`,
    card,
    progress: (done, total, message) => report?.(progressOf(done, total, message)),
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** The step's result, or nothing when the signal came and the step has used up its grace. */
async function untilAborted(returned: PromiseLike<unknown>, signal: AbortSignal, graceMs: () => number): Promise<unknown> {
  const ended = Promise.withResolvers<undefined>();
  let timer: NodeJS.Timeout | undefined;
  const abort = (): void => {
    timer = setTimeout(() => ended.resolve(undefined), graceMs());
  };
  // The signal may have come before the step first waited.
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([returned, ended.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    clearTimeout(timer);
  }
}
