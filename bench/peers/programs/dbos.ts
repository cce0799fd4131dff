// DBOS: steps of one workflow (`steps`), or a child workflow for each task (`children`), for the fan-out in a queue without a
// limit, for the chain called one after the other.

import { DBOS } from "@dbos-inc/dbos-sdk";
import { serve, type Peer, type ProgramOptions } from "./serve.ts";

const queueName = "bench";

async function open({ address, way }: ProgramOptions): Promise<Peer> {
  DBOS.setConfig({ name: "bench", systemDatabaseUrl: address, logLevel: "error" });
  const child = DBOS.registerWorkflow(async (value: number) => value, { name: "child" });
  const fanOfSteps = DBOS.registerWorkflow(
    async (width: number) => {
      const values = Array.from({ length: width }, (_, value) => DBOS.runStep(async () => value, { name: `work-${value}` }));
      return sum(await Promise.all(values));
    },
    { name: "fanOfSteps" },
  );
  const fanOfChildren = DBOS.registerWorkflow(
    async (width: number) => {
      const handles = [];
      for (let value = 0; value < width; value += 1) handles.push(await DBOS.startWorkflow(child, { queueName })(value));
      return sum(await Promise.all(handles.map((handle) => handle.getResult())));
    },
    { name: "fanOfChildren" },
  );
  const chainOfSteps = DBOS.registerWorkflow(
    async (length: number) => {
      let count = 0;
      for (let step = 0; step < length; step += 1) {
        const before = count;
        count = await DBOS.runStep(async () => before + 1, { name: `step-${step}` });
      }
      return count;
    },
    { name: "chainOfSteps" },
  );
  const chainOfChildren = DBOS.registerWorkflow(
    async (length: number) => {
      let count = 0;
      for (let step = 0; step < length; step += 1) count = await child(count + 1);
      return count;
    },
    { name: "chainOfChildren" },
  );
  await DBOS.launch();
  if (way === "children") await DBOS.registerQueue(queueName);
  const close = (): Promise<void> => DBOS.shutdown();
  return way === "children" ? { fan: fanOfChildren, chain: chainOfChildren, close } : { fan: fanOfSteps, chain: chainOfSteps, close };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

serve(open);
