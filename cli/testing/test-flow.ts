// Runs a whole flow inside the test's own process: the coordinator's core decides, the steps run here one after the
// other, artifacts are kept in memory, and time passes when the test says so.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { advance, fold } from "../../coordinator/core/advance.ts";
import { decideOutcome, decideRetryDue, decideStart } from "../../coordinator/core/decide.ts";
import type { Decision } from "../../coordinator/core/decision.ts";
import { orderFor } from "../../coordinator/core/order.ts";
import { outstanding } from "../../coordinator/core/effect.ts";
import { readyTasks, type RunState } from "../../coordinator/core/state.ts";
import type { ManualClock } from "../../coordinator/adapters/manual-clock.ts";
import { SystemClock } from "../../coordinator/adapters/system-clock.ts";
import type { Clock } from "../../coordinator/ports/clock.ts";
import { defaultRunOptions, type RunEvent } from "../../proto/event.ts";
import type { Failure } from "../../proto/failure.ts";
import type { FlowGraph } from "../../proto/graph.ts";
import { parseSha256, runIdOf, type TaskId } from "../../proto/ids.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import { keepArtifacts } from "../../sdk/artifact/keep.ts";
import { MemoryArtifactStore } from "../../sdk/artifact/memory-store.ts";
import { executeStep } from "../../sdk/execute/execute-step.ts";
import { definitionOf, type FlowDefinition } from "../../sdk/flow/definition.ts";
import type { FlowClass, FlowSpec } from "../../sdk/flow/flow-spec.ts";
import { resolveParameters } from "../../sdk/flow/parameter-values.ts";
import type { DataOf } from "../../sdk/client/data.ts";
import { graphOf } from "./graph-of-class.ts";
import { TestedRun } from "./tested-run.ts";
import { overrideSteps, type StepOverrides } from "./override-steps.ts";

export type TestOptions<F extends FlowSpec> = {
  /** By name; the others take their defaults. */
  readonly parameters?: Partial<DataOf<F>>;
  /** Bodies that replace those of steps. One that returns no transition takes the step's own. */
  readonly steps?: StepOverrides<F>;
  /** Drives back-offs and time-outs; without it back-offs pass at once and time-outs run in real time. */
  readonly clock?: ManualClock;
  readonly tags?: readonly string[];
};

const user = "test";

/**
 * Resolves when the run has finished, whatever its status.
 * @throws Error when the flow's graph or its parameters are wrong
 */
export async function testFlow<F extends FlowSpec>(flowClass: FlowClass<F>, options: TestOptions<F> = {}): Promise<TestedRun<F>> {
  const definition = definitionOf(flowClass);
  const graph = graphOf(flowClass, definition);
  const store = new MemoryArtifactStore();
  const flow = overrideSteps(flowClass, graph, options.steps ?? {});
  const clock = options.clock ?? new SystemClock();
  const state = fold(
    await submitted({ definition, graph, store, clock, options: { parameters: options.parameters ?? {}, tags: options.tags ?? [] } }),
  );
  const temporary = mkdtempSync(join(tmpdir(), "stepwell-"));
  try {
    await new TestDriver({ state, flow, store, clock, temporary, manual: options.clock !== undefined }).finish();
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return new TestedRun<F>(state, store);
}

type Submission = {
  readonly definition: FlowDefinition;
  readonly graph: FlowGraph;
  readonly store: MemoryArtifactStore;
  readonly clock: Clock;
  readonly options: { readonly parameters: object; readonly tags: readonly string[] };
};

async function submitted({ definition, graph, store, clock, options }: Submission): Promise<readonly RunEvent[]> {
  const resolved = await resolveParameters(
    definition.parameters,
    { values: { ...options.parameters } },
    { flow: graph.flow, user, directory: "." },
  );
  if (!resolved.ok) throw new Error(resolved.problems.map((problem) => `${problem.message} (${problem.hint})`).join("\n"));
  const parameters = await keepArtifacts(new Map([...resolved.values, ...Object.entries(definition.constants)]), store);
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
      context: { tags: options.tags, namespace: `user:${user}`, user, originRun: null },
      systemTags: [`user:${user}`],
    },
    { kind: "runStarted", atMs },
  ];
}

type DriverParts = {
  readonly state: RunState;
  readonly flow: FlowClass;
  readonly store: MemoryArtifactStore;
  readonly clock: Clock;
  readonly temporary: string;
  readonly manual: boolean;
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
      if (next === undefined) await this.#passBackOff();
      else await this.#runAttempt(next.task, next.attempt);
    }
  }

  async #runAttempt(task: TaskId, attempt: number): Promise<void> {
    const { state, clock } = this.#parts;
    const lease = ++this.#lease;
    this.#apply(decideStart(state, { task, attempt, lease, worker: "test", atMs: clock.nowMs() }));
    const outcome = await this.#execute(task, lease);
    this.#apply(decideOutcome(state, { task, attempt, lease, outcome, atMs: clock.nowMs() }));
  }

  async #execute(task: TaskId, lease: number): Promise<TaskOutcome> {
    const { state, flow, store, clock, temporary } = this.#parts;
    const order = orderFor(state, task, { lease });
    const ending = new AbortController();
    const cancelTimer =
      order.timeoutSeconds === null
        ? () => undefined
        : clock.after(order.timeoutSeconds * 1000, () =>
            ending.abort({ kind: "timeout", afterSeconds: order.timeoutSeconds ?? 0 } satisfies Failure),
          );
    try {
      const tempDir = mkdtempSync(join(temporary, "task-"));
      return await executeStep({
        order,
        flowClass: flow,
        store,
        signal: ending.signal,
        tempDir,
        now: () => clock.nowMs(),
        codeDone: cancelTimer,
        graceMs: 0,
      });
    } finally {
      cancelTimer();
    }
  }

  /** Nothing is ready: time must pass until the next retry is due. */
  async #passBackOff(): Promise<void> {
    const { state, clock, manual } = this.#parts;
    const timers = outstanding(state).flatMap((effect) => (effect.kind === "setTimer" ? [effect] : []));
    const next = timers.sort((a, b) => a.dueMs - b.dueMs)[0];
    if (next === undefined) throw new Error(`${state.submitted.run} stands still: nothing is ready and nothing is due`);
    if (manual) await new Promise<void>((resolve) => void clock.after(next.dueMs - clock.nowMs(), resolve));
    this.#apply(decideRetryDue(state, { task: next.task, attempt: next.attempt, atMs: Math.max(next.dueMs, clock.nowMs()) }));
  }

  #apply(decision: Decision): void {
    if (decision.kind === "refused") throw new Error(decision.message);
    // Effects are not performed one by one: the driver asks the state what is ready and what is due.
    for (const event of decision.events) advance(this.#parts.state, event);
  }
}
