// One run whose whole command is killed again and again, at moments that a seed chooses, until it has ended.

import assert from "node:assert/strict";
import { readArtifact } from "../../sdk/artifact/read.ts";
import type { RunId } from "../../proto/ids.ts";
import type { TaskView } from "../../proto/view.ts";
import { Random } from "../simulation/random.ts";
import { isAlive, pause, until, type Place, type Started } from "./started.ts";

const elements = 12;

/** Every execution of a step appends its task to `executed`. Some fail at first; all keep a blob of their own. */
export const countedFlow = `
import { appendFileSync } from "node:fs";
import { FlowSpec, current, retry, step, type Inputs } from "stepwell";
const executed = () => appendFileSync(process.env.PLACE + "/executed", current.task + "\\n");
export class CountedFlow extends FlowSpec {
  declare items: number[];
  declare blob: Uint8Array;
  declare square: number;
  declare sum: number;
  declare bytes: number;
  @step start() {
    executed();
    this.items = Array.from({ length: ${elements} }, (_, index) => index);
    return this.next(this.work, { foreach: "items" });
  }
  @retry({ times: 2, minutesBetween: 0 })
  @step async work(item: number) {
    executed();
    if (item % 5 === 4 && current.attempt === 0) throw new Error("the first try fails");
    this.blob = new Uint8Array(200_000).fill(item);
    this.square = item * item;
    await new Promise((resolve) => setTimeout(resolve, (item % 4) * 15));
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    executed();
    this.sum = inputs.map((input) => input.square).reduce((a, b) => a + b, 0);
    this.bytes = inputs.filter((input, index) => input.blob.length === 200_000 && input.blob.every((byte) => byte === index)).length;
    return this.next(this.end);
  }
  @step end() {
    executed();
  }
}
`;

/** Kills the command up to `kills` times, then lets the run end. Returns how often it was killed in fact. */
export async function killUntilDone(place: Place, { seed, kills }: { readonly seed: number; readonly kills: number }): Promise<number> {
  const random = new Random(seed);
  place.write("flow.ts", countedFlow);
  let known: ReadonlyMap<string, number> = new Map();
  let run: RunId | null = null;
  for (let killed = 0; ; killed += 1) {
    const started: Started = run === null ? place.start("run", "flow.ts") : place.start("resume", "--in-place", run);
    if (killed < kills) await killSometime(place, started, random);
    const { code, stderr, stdout } = await started.ended;
    await place.assertNothingLeft();
    run = await newestRun(place);
    if (run === null) continue;
    const tasks = await tasksOf(place, run);
    const now = accepted(place, tasks);
    for (const [task, times] of known) assert.equal(now.get(task), times, `${task} was accepted and has run again`);
    known = now;
    if (tasks.some((task) => task.task === "end/0" && task.status === "succeeded")) {
      // Killed after its last event, it has ended all the same.
      if (code !== null) assert.equal(code, 0, stdout + stderr);
      await assertResult(place, run, tasks);
      return Math.min(killed, kills);
    }
    assert.equal(code, null, `nobody killed it:\n${stdout}${stderr}`);
  }
}

/** After so many executions, or, before the first, after a while. */
async function killSometime(place: Place, started: Started, random: Random): Promise<void> {
  const more = random.below(8);
  const target = place.lines("executed").length + more;
  const lateMs = more === 0 ? random.below(1500) : random.below(40);
  await until("another execution", () => place.lines("executed").length >= target || !isAlive(started.pid));
  await pause(lateMs);
  started.kill("SIGKILL");
}

async function newestRun(place: Place): Promise<RunId | null> {
  if (!place.has(".stepwell")) return null;
  return place.reading(async ({ control }) => (await control.runs({ namespace: null, limit: 1 })).items[0]?.run ?? null);
}

function tasksOf(place: Place, run: RunId): Promise<readonly TaskView[]> {
  return place.reading(async ({ control }) => (await control.tasks(run, { limit: 100 })).items);
}

/** How often each task has been executed that needs no more execution. */
function accepted(place: Place, tasks: readonly TaskView[]): ReadonlyMap<string, number> {
  const executed = place.lines("executed");
  const succeeded = tasks.filter((task) => task.status === "succeeded");
  return new Map(succeeded.map(({ task }) => [task, executed.filter((line) => line === task).length]));
}

async function assertResult(place: Place, run: RunId, tasks: readonly TaskView[]): Promise<void> {
  assert.equal(tasks.length, elements + 3);
  assert.deepEqual(new Set(place.lines("executed")), new Set(tasks.map(({ task }) => task)));
  const values = await place.reading(async ({ control, store }) => {
    const { result } = await control.run(run);
    assert.ok(result?.["sum"] !== undefined && result["bytes"] !== undefined);
    return [await readArtifact(result["sum"], store), await readArtifact(result["bytes"], store)];
  });
  assert.deepEqual(values, [506, elements]);
}
