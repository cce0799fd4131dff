// OpenWorkflow on SQLite in this process: steps of one workflow. Its worker looks for runs and its client for results only now
// and then, up to a second apart, so the time is taken inside the workflow: what a run waits before and after is not in it.

import { join } from "node:path";
import { OpenWorkflow } from "openworkflow";
import { BackendSqlite } from "openworkflow/sqlite";
import { serve, type Peer, type ProgramOptions } from "./serve.ts";

async function open({ folder }: ProgramOptions): Promise<Peer> {
  const backend = BackendSqlite.connect(join(folder, "openworkflow.db"));
  const client = new OpenWorkflow({ backend });
  const fan = client.defineWorkflow<{ width: number }, Timed>({ name: "fan" }, async ({ input: { width }, step }) => {
    const startMs = performance.now();
    const work = Array.from({ length: width }, (_, value) => step.run({ name: `work-${value}` }, () => value));
    const value = (await Promise.all(work)).reduce((total, each) => total + each, 0);
    return { value, ms: performance.now() - startMs };
  });
  const chain = client.defineWorkflow<{ length: number }, Timed>({ name: "chain" }, async ({ input: { length }, step }) => {
    const startMs = performance.now();
    let value = 0;
    for (let index = 0; index < length; index += 1) {
      const before = value;
      value = await step.run({ name: `step-${index}` }, () => before + 1);
    }
    return { value, ms: performance.now() - startMs };
  });
  const worker = client.newWorker();
  await worker.start();
  return {
    fan: async (width) => (await fan.run({ width })).result(),
    chain: async (length) => (await chain.run({ length })).result(),
    close: async () => {
      await worker.stop();
      await backend.stop();
    },
  };
}

type Timed = { readonly value: number; readonly ms: number };

serve(open);
