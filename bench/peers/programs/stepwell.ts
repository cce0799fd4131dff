// Stepwell: ledger, coordinator and worker of local mode in this process, tasks in task processes.
// `warm` and `process` keep them open from run to run, as a deployment does; `runner` starts and ends all for each run.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../../dist/cli/runner.js";
import { openRuns, type Runs } from "../../local-runs.ts";
import { serve, type Peer, type ProgramOptions } from "./serve.ts";

const fan = `
export class FanFlow extends FlowSpec {
  width = parameter.integer({ default: 1 });
  declare items: number[];
  declare value: number;
  declare sum: number;
  @step start() { this.items = Array.from({ length: this.width }, (_, i) => i); return this.next(this.work, { foreach: "items" }); }
  @step work(item: number) { this.value = item; return this.next(this.join); }
  @step join(inputs: Inputs<this>) { let sum = 0; for (const input of inputs) sum += input.value; this.sum = sum; return this.next(this.end); }
  @step end() { if (this.sum !== (this.width * (this.width - 1)) / 2) throw new Error("the sum is " + this.sum); }
}`;

function chainOf(length: number): string {
  const names = Array.from({ length }, (_, index) => (index === 0 ? "start" : index === length - 1 ? "end" : `step${index}`));
  const steps = names.map((name, index) => {
    const before = index === 0 ? "0" : "this.count";
    const next = names[index + 1];
    return `  @step ${name}() { this.count = ${before} + 1; ${next === undefined ? "" : `return this.next(this.${next});`} }`;
  });
  return `export class ChainFlow extends FlowSpec {\n  declare count: number;\n${steps.join("\n")}\n}`;
}

async function open({ way, folder }: ProgramOptions): Promise<Peer> {
  return way === "runner" ? openRunner(folder) : openWarm(way === "process" ? "process" : "warm");
}

async function openWarm(isolation: "warm" | "process"): Promise<Peer> {
  const fans = await openRuns(fan, isolation);
  const chains = new Map<number, Runs>();
  return {
    fan: async (width) => {
      const { succeeded } = await fans.run({ width });
      if (succeeded !== width + 3) throw new Error(`${succeeded} tasks succeeded, not ${width + 3}`);
      // The flow fails unless its sum is this.
      return (width * (width - 1)) / 2;
    },
    chain: async (length) => {
      const runs = chains.get(length) ?? (await openRuns(chainOf(length), isolation));
      chains.set(length, runs);
      return (await runs.run({})).succeeded;
    },
    close: async () => {
      for (const runs of [fans, ...chains.values()]) await runs.close();
    },
  };
}

async function openRunner(folder: string): Promise<Peer> {
  process.env["STEPWELL_DIR"] = join(folder, "runs");
  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, `import { FlowSpec, parameter, step, type Inputs } from "stepwell";\n${text}`);
    return file;
  };
  const fanFile = write("fan.ts", fan);
  return {
    fan: async (width) => {
      const ran = await run<{ width: number; sum: number }>(fanFile, { width }, { isolation: "warm" });
      return ran.data.sum;
    },
    chain: async (length) => {
      const ran = await run<{ count: number }>(write("chain.ts", chainOf(length)), {}, { isolation: "warm" });
      return ran.data.count;
    },
    close: async () => undefined,
  };
}

serve(open);
