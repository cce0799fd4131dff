// From step to step of a chain: what a task costs that nobody runs beside. And tasks in fresh processes, against Node alone.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { atLeast, atMost, median, quick } from "./figure.ts";
import { openRuns } from "./local-runs.ts";

const short = quick ? 20 : 200;
const long = quick ? 60 : 2010;
const near = quick ? 20 : 200;
atMost(1, { figure: `chain of ${short}: step to step, median`, value: median(await measureChain(short)), unit: "ms", limit: 4 });
const stepMs = await measureChain(long);
atMost(1.3, {
  figure: `chain of ${long}: step to step, at step ${long - 10}`,
  value: median(stepMs.slice(-near)),
  unit: "ms",
  limit: median(stepMs.slice(10, 10 + near)),
  limitName: "at step 10",
});
await measureFresh();

/** Milliseconds from the end of each step to that of the next one. */
async function measureChain(length: number): Promise<readonly number[]> {
  const names = Array.from({ length }, (_, index) => (index === 0 ? "start" : index === length - 1 ? "end" : `step${index}`));
  const steps = names.map((name, index) => {
    const next = names[index + 1];
    return `  @step ${name}() { this.count = ${index}; ${next === undefined ? "" : `return this.next(this.${next});`} }`;
  });
  const runs = await openRuns(`export class ChainFlow extends FlowSpec {\n  declare count: number;\n${steps.join("\n")}\n}`);
  const { arrivedMs, succeeded } = await runs.run({}, (event) => event.kind === "taskSucceeded");
  await runs.close();
  if (succeeded !== length) throw new Error(`${succeeded} steps succeeded, not ${length}`);
  return arrivedMs.slice(1).map((atMs, index) => atMs - (arrivedMs[index] ?? 0));
}

/** In turns, so that a machine that is busy for a while is so for both. */
async function measureFresh(): Promise<void> {
  const width = quick ? 4 : 60;
  const runs = await openRuns(
    `export class FreshFlow extends FlowSpec {
  declare items: number[];
  @step start() { this.items = Array.from({ length: ${width} }, (_, i) => i); return this.next(this.work, { foreach: "items" }); }
  @step work() { return this.next(this.join); }
  @step join(inputs: Inputs<this>) { return this.next(this.end); }
  @step end() {}
}`,
    "process",
  );
  const shares: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < (quick ? 1 : 5); round += 1) {
    const startMs = performance.now();
    let left = width + 3;
    const bare = async (): Promise<void> => {
      for (; left > 0;) {
        left -= 1;
        await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit");
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, bare));
    const bareRate = (width + 3) / ((performance.now() - startMs) / 1000);
    const { seconds, succeeded } = await runs.run({});
    rates.push(bareRate);
    shares.push(succeeded / seconds / bareRate);
  }
  await runs.close();
  const limit = median(rates);
  atLeast(0.7, {
    figure: "tasks in fresh processes",
    value: median(shares) * limit,
    unit: "tasks/s",
    limit,
    limitName: "node -e 0, all cores",
  });
}
