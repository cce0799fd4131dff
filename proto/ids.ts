// Names of things. Each kind of name is a brand of its own, is made and parsed here and nowhere else,
// and is deterministic, so that a decision taken twice names the same thing twice.

declare const brand: unique symbol;
type Brand<Name extends string> = string & { readonly [brand]: Name };

/** The class name of a flow: `TrainFlow`. */
export type FlowName = Brand<"FlowName">;
/** The name of a `@step` method: `train`. */
export type StepName = Brand<"StepName">;
/** One execution of a flow: `TrainFlow/17`. Numbers start at 1 and are never used twice for a flow. */
export type RunId = Brand<"RunId">;
/** One execution of a step within a run: `train/2`, nested `score/2.0`, and `start/0` outside any foreach. */
export type TaskId = Brand<"TaskId">;
/** 64 lower-case hexadecimal digits. */
export type Sha256 = Brand<"Sha256">;

/** A name that cannot be what it is given for. The message says what was expected. */
export class NameError extends Error {
  override readonly name = "NameError";
}

const FLOW = /^[A-Za-z][A-Za-z0-9_]{0,127}$/;
const STEP = /^[A-Za-z][A-Za-z0-9_]{0,127}$/;
const INDEXES = /^\d+(\.\d+)*$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** @throws NameError */
export function parseFlowName(text: string): FlowName {
  if (!FLOW.test(text)) throw new NameError(`"${text}" is not a flow name: letters, digits and _, starting with a letter`);
  return text as FlowName;
}

/** @throws NameError */
export function parseStepName(text: string): StepName {
  if (!STEP.test(text)) throw new NameError(`"${text}" is not a step name: letters, digits and _, starting with a letter`);
  return text as StepName;
}

/** @throws NameError */
export function parseSha256(text: string): Sha256 {
  if (!SHA256.test(text)) throw new NameError(`"${text}" is not a SHA-256: 64 lower-case hexadecimal digits`);
  return text as Sha256;
}

export function runIdOf(flow: FlowName, number: number): RunId {
  return `${flow}/${number}` as RunId;
}

/** @throws NameError */
export function parseRunId(text: string): RunId {
  const [flow, number, ...rest] = text.split("/");
  if (flow === undefined || number === undefined || rest.length > 0 || !FLOW.test(flow) || !/^[1-9]\d{0,14}$/.test(number)) {
    throw new NameError(`"${text}" is not a run: expected Flow/NUMBER, like TrainFlow/17`);
  }
  return text as RunId;
}

export function flowOf(run: RunId): FlowName {
  return run.slice(0, run.indexOf("/")) as FlowName;
}

export function numberOf(run: RunId): number {
  return Number(run.slice(run.indexOf("/") + 1));
}

/** `indexes` holds the foreach indexes from the outermost to the innermost; empty outside any foreach. */
export function taskIdOf(step: StepName, indexes: readonly number[]): TaskId {
  return `${step}/${indexes.length === 0 ? "0" : indexes.join(".")}` as TaskId;
}

/** @throws NameError */
export function parseTaskId(text: string): TaskId {
  const [step, indexes, ...rest] = text.split("/");
  if (step === undefined || indexes === undefined || rest.length > 0 || !STEP.test(step) || !INDEXES.test(indexes)) {
    throw new NameError(`"${text}" is not a task: expected step/INDEX, like train/2 or score/2.0`);
  }
  return text as TaskId;
}

export function stepOf(task: TaskId): StepName {
  return task.slice(0, task.indexOf("/")) as StepName;
}

/** What a person types to name something: `Flow`, `Flow/17`, `Flow/latest`, `Flow/17/step`, `Flow/17/step/2.0`, `Flow/17/step/2.0/artifact`. */
export type Pathspec = {
  readonly flow: FlowName;
  readonly run?: number | "latest";
  readonly step?: StepName;
  readonly task?: TaskId;
  readonly artifact?: string;
};

/** @throws NameError */
export function parsePathspec(text: string): Pathspec {
  const parts = text.split("/");
  const [flow, run, step, indexes, artifact] = parts;
  if (flow === undefined || parts.length > 5 || parts.some((part) => part === "")) {
    throw new NameError(`"${text}" is not a path: expected Flow/RUN/step/INDEX/artifact, from the left as far as needed`);
  }
  if (run !== undefined && run !== "latest" && !/^[1-9]\d{0,14}$/.test(run)) {
    throw new NameError(`"${run}" in "${text}" is not a run number: expected a number or "latest"`);
  }
  const stepName = step === undefined ? undefined : parseStepName(step);
  return {
    flow: parseFlowName(flow),
    ...(run !== undefined && { run: run === "latest" ? run : Number(run) }),
    ...(stepName !== undefined && { step: stepName }),
    ...(indexes !== undefined && { task: parseTaskId(`${step}/${indexes}`) }),
    ...(artifact !== undefined && { artifact }),
  };
}
