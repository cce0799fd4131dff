// Foreachs of tasks that do nothing, with a join that reads a number of each, through everything that a run of one's own
// goes through: durable ledger, task processes, a reader of the run's events. Each size has a process of its own.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { atLeast, atMost, median, noted, quick } from "./figure.ts";
import { openRuns } from "./local-runs.ts";

const wide = `
export class WideFlow extends FlowSpec {
  width = parameter.integer({ default: 1 });
  declare items: number[];
  declare value: number;
  declare sum: number;
  @step start() { this.items = Array.from({ length: this.width }, (_, i) => i); return this.next(this.work, { foreach: "items" }); }
  @step work(item: number) { this.value = item; return this.next(this.join); }
  @step join(inputs: Inputs<this>) { let sum = 0; for (const input of inputs) sum += input.value; this.sum = sum; return this.next(this.end); }
  @step end() {}
}`;
const nested = `
export class NestedFlow extends FlowSpec {
  width = parameter.integer({ default: 1 });
  declare outer: number[];
  declare inner: number[];
  declare value: number;
  declare sum: number;
  @step start() { this.outer = Array.from({ length: this.width }, (_, i) => i); return this.next(this.middle, { foreach: "outer" }); }
  @step middle(item: number) { this.inner = Array.from({ length: this.width }, (_, i) => item * i); return this.next(this.work, { foreach: "inner" }); }
  @step work(item: number) { this.value = item; return this.next(this.gather); }
  @step gather(inputs: Inputs<this>) { let sum = 0; for (const input of inputs) sum += input.value; this.sum = sum; return this.next(this.join); }
  @step join(inputs: Inputs<this>) { let sum = 0; for (const input of inputs) sum += input.sum; this.sum = sum; return this.next(this.end); }
  @step end() {}
}`;

type Case = { readonly flow: "wide" | "nested"; readonly width: number; readonly warmUp: number; readonly rounds: number };
type Result = { readonly seconds: number; readonly tasks: number; readonly joinMs: number; readonly rssMiB: number };

/** Tasks a second. */
const rateWanted = 1500;
const coordinatorMiBMax = 500;

const asked = process.argv.find((word) => word.startsWith("{"));
if (asked === undefined) await measureAll();
else await measureOne(JSON.parse(asked) as Case);

async function measureAll(): Promise<void> {
  const few = await inProcess({ flow: "wide", width: quick ? 50 : 1000, warmUp: quick ? 10 : 1000, rounds: quick ? 1 : 5 });
  const rate = (result: Result): number => result.tasks / result.seconds;
  const ofFew = { limit: rateWanted, unit: "tasks/s" };
  atLeast(1, { figure: "foreach of 1,000 with join, warm", value: rate(few), ...ofFew });
  const more = await inProcess({ flow: "wide", width: quick ? 200 : 10_000, warmUp: quick ? 10 : 1000, rounds: 1 });
  atLeast(1, { figure: "foreach of 10,000 with join", value: rate(more), ...ofFew });
  atMost(1, { figure: "  its join, which reads 10,000 numbers", value: more.joinMs, unit: "ms", limit: 1000 });
  const large = [
    ["foreach of 100,000", { flow: "wide", width: quick ? 2000 : 100_000, warmUp: quick ? 10 : 1000, rounds: 1 }],
    ["nested foreach of 300 x 300", { flow: "nested", width: quick ? 30 : 300, warmUp: 10, rounds: 1 }],
  ] as const;
  for (const [name, each] of large) {
    const result = await inProcess(each);
    noted(name, rate(result), "tasks/s");
    atMost(1.3, { figure: "  cost of a task", value: 1000 / rate(result), unit: "ms", limit: 1000 / rate(few), limitName: "of 1,000" });
    atMost(1, { figure: "  memory of coordinator and worker", value: result.rssMiB, unit: "MiB", limit: coordinatorMiBMax, timed: false });
  }
}

/** The process of a user has not loaded the tools that run this file's TypeScript, but for a few MiB. */
async function inProcess(one: Case): Promise<Result> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(one)]);
  const [result] = await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code]) => {
      throw new Error(`${JSON.stringify(one)} ended with ${code}`);
    }),
  ]);
  if (child.exitCode === null) await once(child, "exit");
  return result as Result;
}

async function measureOne({ flow, width, warmUp, rounds }: Case): Promise<void> {
  const runs = await openRuns(flow === "wide" ? wide : nested);
  await runs.run({ width: warmUp });
  let rssMiB = 0;
  const sampling = setInterval(() => (rssMiB = Math.max(rssMiB, process.memoryUsage.rss() / 2 ** 20)), 100);
  const seconds: number[] = [];
  let joinMs = 0;
  let tasks = 0;
  for (let round = 0; round < rounds; round += 1) {
    const ran = await runs.run({ width }, (event) => event.kind === "taskSucceeded" && event.task === "join/0");
    const [join] = ran.events;
    if (join?.kind === "taskSucceeded") joinMs = join.usage.finishedAtMs - join.usage.startedAtMs;
    seconds.push(ran.seconds);
    tasks = ran.succeeded;
  }
  const wanted = flow === "wide" ? width + 3 : width * width + 2 * width + 3;
  if (tasks !== wanted) throw new Error(`${tasks} tasks succeeded, not ${wanted}`);
  clearInterval(sampling);
  await runs.close();
  process.send?.({ seconds: median(seconds), tasks, joinMs, rssMiB } satisfies Result);
  process.disconnect();
}
