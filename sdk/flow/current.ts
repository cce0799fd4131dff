// `current`: what a running step may ask about itself, from anywhere in its code.

import { AsyncLocalStorage } from "node:async_hooks";
import type { RunId, StepName, TaskId } from "../../proto/ids.ts";
import type { CurrentCard } from "../card/task-card.ts";

export type CurrentTask = {
  readonly flow: string;
  /** `TrainFlow/17` */
  readonly run: RunId;
  /** The run that this one resumes; null where it resumes none. */
  readonly originRun: RunId | null;
  readonly step: StepName;
  /** `train/2` */
  readonly task: TaskId;
  /** Counted from 0. */
  readonly attempt: number;
  /** The flow's parameters and constants by name. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly tags: readonly string[];
  readonly namespace: string;
  readonly user: string;
  /** A folder of this attempt's own, removed after it. */
  readonly tempDir: string;
  /** Aborted when the attempt has timed out or was cancelled. Hand it to whatever takes long. */
  readonly signal: AbortSignal;
  /** The same in every attempt of the task and in no other task: for services that refuse to do a thing twice. */
  readonly idempotencyKey: string;
  /** Tells whoever watches how far the step is: `current.progress(40, 100)`. */
  progress(done: number, total?: number, message?: string): void;
  /** What people are to see of the step when it has succeeded: `current.card.append(card.markdown("## Fit"))`. */
  readonly card: CurrentCard;
};

/** One for all copies of this module in a process: the bundle of a task process has one, what a flow imports beside it another. */
const storage = sharedStorage();

function sharedStorage(): AsyncLocalStorage<CurrentTask> {
  const name = Symbol.for("stepwell.current");
  const shared: unknown = Reflect.get(globalThis, name);
  if (shared instanceof AsyncLocalStorage) return shared;
  const made = new AsyncLocalStorage<CurrentTask>();
  Object.defineProperty(globalThis, name, { value: made });
  return made;
}

/** Everything that `body` calls, now or later, finds `task` in `current`. */
export function withCurrent<T>(task: CurrentTask, body: () => T): T {
  return storage.run(task, body);
}

/** Null where no step runs. */
export function currentTask(): CurrentTask | null {
  return storage.getStore() ?? null;
}

function running(member: string): CurrentTask {
  const task = currentTask();
  if (task === null) throw new Error(`current.${member} has a meaning only while a step runs`);
  return task;
}

/** The task that runs. Outside a running step every member throws. */
export const current: CurrentTask = {
  get flow() {
    return running("flow").flow;
  },
  get run() {
    return running("run").run;
  },
  get originRun() {
    return running("originRun").originRun;
  },
  get step() {
    return running("step").step;
  },
  get task() {
    return running("task").task;
  },
  get attempt() {
    return running("attempt").attempt;
  },
  get parameters() {
    return running("parameters").parameters;
  },
  get tags() {
    return running("tags").tags;
  },
  get namespace() {
    return running("namespace").namespace;
  },
  get user() {
    return running("user").user;
  },
  get tempDir() {
    return running("tempDir").tempDir;
  },
  get signal() {
    return running("signal").signal;
  },
  get idempotencyKey() {
    return running("idempotencyKey").idempotencyKey;
  },
  get card() {
    return running("card").card;
  },
  progress(done, total, message) {
    running("progress").progress(done, total, message);
  },
};
