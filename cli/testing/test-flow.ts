// Runs a whole flow inside the test's own process: the coordinator's core decides, the steps run here one after the
// other, artifacts are kept in memory, and time passes when the test says so.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ManualClock } from "../../coordinator/adapters/manual-clock.ts";
import { advance, fold } from "../../coordinator/core/advance.ts";
import { decideOutcome, decideRetryDue, decideStart } from "../../coordinator/core/decide.ts";
import type { Decision } from "../../coordinator/core/decision.ts";
import { outstanding } from "../../coordinator/core/effect.ts";
import { orderFor } from "../../coordinator/core/order.ts";
import { readyTasks, type RunState } from "../../coordinator/core/state.ts";
import { defaultRunOptions, type RunEvent } from "../../proto/event.ts";
import type { Failure } from "../../proto/failure.ts";
import type { FlowGraph } from "../../proto/graph.ts";
import { parseSha256, runIdOf, type TaskId } from "../../proto/ids.ts";
import type { TaskOrder, TaskOutcome } from "../../proto/order.ts";
import { keepArtifacts } from "../../sdk/artifact/keep.ts";
import { MemoryArtifactStore } from "../../sdk/artifact/memory-store.ts";
import type { AnyFlow, DataOf } from "../../sdk/client/data.ts";
import { executeStep } from "../../sdk/execute/execute-step.ts";
import type { Locate } from "../../sdk/execute/failure-of.ts";
import type { FlowDefinition } from "../../sdk/flow/definition.ts";
import type { FlowClass, FlowSpec } from "../../sdk/flow/flow-spec.ts";
import { resolveParameters } from "../../sdk/flow/parameter-values.ts";
import { flowInProcess, loadFlow } from "./loaded-flow.ts";
import { overrideSteps, type StepOverrides } from "./override-steps.ts";
import { TestClock } from "./test-clock.ts";
import { TestedRun } from "./tested-run.ts";

export type TestOptions<F> = {
  /** By name; the others take their defaults. A file parameter takes the file's content. */
  readonly parameters?: Partial<DataOf<F>>;
  /** Bodies that replace those of steps. One that returns no transition takes the step's own. */
  readonly steps?: StepOverrides<F>;
  /**
   * The time of the flow. It stands still unless it is advanced, by the test or by a step: a step times out when the clock
   * passes its `@timeout`, as in `clock.advance(121_000)`. Waits between attempts pass by themselves, and the clock shows it.
   * Without a clock a time-out takes its real time; waits between attempts take none.
   */
  readonly clock?: ManualClock;
  readonly tags?: readonly string[];
};

const user = "test";

/**
 * Runs the flow to its end and resolves whatever its status. The flow is a class that the test runner has compiled, or the path
 * of its file, which needs no compiler beside Stepwell: `testFlow<TrainFlow>("train.ts")`, with the type from an `import type`.
 *
 * Steps run in this process, one at a time, with everything that a
 * step may ask for: `current`, a temporary folder, the variables of `@environment`. Values go through the same encoding as in a
 * real run, so that what cannot be kept fails here too.
 * @throws Error when the flow's graph, its parameters or the overrides are wrong
 */
export function testFlow<F extends FlowSpec>(flow: FlowClass<F>, options?: TestOptions<F>): Promise<TestedRun<F>>;
export function testFlow<F = AnyFlow>(file: string, options?: TestOptions<F>): Promise<TestedRun<F>>;
export async function testFlow<F>(flow: FlowClass | string, options: TestOptions<F> = {}): Promise<TestedRun<F>> {
  const loaded = typeof flow === "string" ? await loadFlow(flow) : flowInProcess(flow);
  const { definition, graph } = loaded;
  const flowClass = overrideSteps(loaded.flowClass, graph, options.steps ?? {});
  const store = new MemoryArtifactStore();
  const clock = new TestClock(options.clock ?? null);
  const { parameters = {}, tags = [] } = options;
  const state = fold(await submitted({ definition, graph, store, clock, parameters: { ...parameters }, tags }));
  const temporary = mkdtempSync(join(tmpdir(), "stepwell-test-"));
  try {
    await new TestDriver({ state, flowClass, locate: loaded.locate, store, clock, temporary }).finish();
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return new TestedRun<F>(state, store);
}

type Submission = {
  readonly definition: FlowDefinition;
  readonly graph: FlowGraph;
  readonly store: MemoryArtifactStore;
  readonly clock: TestClock;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly tags: readonly string[];
};

async function submitted({ definition, graph, store, clock, parameters: values, tags }: Submission): Promise<readonly RunEvent[]> {
  const resolved = await resolveParameters(definition.parameters, { values }, { flow: graph.flow, user, directory: process.cwd() });
  if (!resolved.ok) {
    const problems = resolved.problems.map((problem) => `${problem.message} (${problem.hint})`);
    throw new Error(`${graph.flow} cannot run: ${problems.join("; ")}`);
  }
  const parameters = await keepArtifacts(new Map([...Object.entries(definition.constants), ...resolved.values]), store);
  const atMs = clock.nowMs();
  return [
    {
      kind: "runSubmitted",
      atMs,
      run: runIdOf(graph.flow, 1),
      graph,
      codePackage: parseSha256("0".repeat(64)),
      parameters,
      secrets: graph.parameters.filter((parameter) => parameter.secret).map((parameter) => parameter.name),
      options: { ...defaultRunOptions, workersMax: 1 },
      context: { tags, namespace: `user:${user}`, user, originRun: null },
      systemTags: [`user:${user}`],
    },
    { kind: "runStarted", atMs },
  ];
}

type DriverParts = {
  readonly state: RunState;
  readonly flowClass: FlowClass;
  readonly locate: Locate | null;
  readonly store: MemoryArtifactStore;
  readonly clock: TestClock;
  readonly temporary: string;
};

class TestDriver {
  readonly #parts: DriverParts;
  #lease = 0;

  constructor(parts: DriverParts) {
    this.#parts = parts;
  }

  async finish(): Promise<void> {
    const { state } = this.#parts;
    while (state.finishedAtMs === null) {
      const [next] = readyTasks(state);
      if (next === undefined) this.#passBackOff();
      else await this.#runAttempt(next.task, next.attempt);
    }
  }

  async #runAttempt(task: TaskId, attempt: number): Promise<void> {
    const { state, clock } = this.#parts;
    const lease = ++this.#lease;
    this.#apply(decideStart(state, { task, attempt, lease, worker: "test", atMs: clock.nowMs() }));
    const order = orderFor(state, task, { lease });
    const restore = setVariables(order.environment);
    const outcome = await this.#execute(order).finally(restore);
    this.#apply(decideOutcome(state, { task, attempt, lease, outcome, atMs: clock.nowMs() }));
  }

  async #execute(order: TaskOrder): Promise<TaskOutcome> {
    const { flowClass, locate, store, clock, temporary } = this.#parts;
    const { timeoutSeconds } = order;
    const ending = new AbortController();
    const end = (afterSeconds: number): void => ending.abort({ kind: "timeout", afterSeconds } satisfies Failure);
    const disarm = timeoutSeconds === null ? () => undefined : clock.after(timeoutSeconds * 1000, () => end(timeoutSeconds));
    try {
      return await executeStep({
        order,
        flowClass,
        store,
        signal: ending.signal,
        tempDir: mkdtempSync(join(temporary, "task-")),
        now: () => clock.nowMs(),
        codeDone: disarm,
        graceMs: 0,
        ...(locate !== null && { locate }),
      });
    } finally {
      disarm();
    }
  }

  /** Nothing is ready: time passes until the next retry is due. */
  #passBackOff(): void {
    const { state, clock } = this.#parts;
    const timers = outstanding(state).flatMap((effect) => (effect.kind === "setTimer" ? [effect] : []));
    const next = timers.sort((a, b) => a.dueMs - b.dueMs)[0];
    if (next === undefined) throw new Error(`${state.submitted.run} stands still: nothing is ready and nothing is due`);
    clock.passUntil(next.dueMs);
    this.#apply(decideRetryDue(state, { task: next.task, attempt: next.attempt, atMs: clock.nowMs() }));
  }

  #apply(decision: Decision): void {
    if (decision.kind === "refused") throw new Error(decision.message);
    // Effects are not performed one by one: the driver asks the state what is ready and what is due.
    for (const event of decision.events) advance(this.#parts.state, event);
  }
}

/** For one attempt, as its process would have them. Returns what undoes it. */
function setVariables(variables: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}
