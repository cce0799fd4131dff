// Restate: durable steps of one handler (`steps`), or a call of a service for each task (`calls`).

import { createServer } from "node:http2";
import { createEndpointHandler, RestatePromise, service, type Context } from "@restatedev/restate-sdk";
import { connect } from "@restatedev/restate-sdk-clients";
import { serve, type Peer, type ProgramOptions } from "./serve.ts";

const task = service({ name: "Task", handlers: { work: async (_: Context, value: number) => value } });
const flows = service({
  name: "Flows",
  handlers: {
    fanOfSteps: async (context: Context, width: number) =>
      sum(await RestatePromise.all(Array.from({ length: width }, (_, value) => context.run(`work-${value}`, () => value)))),
    fanOfCalls: async (context: Context, width: number) => {
      const client = context.serviceClient(task);
      return sum(await RestatePromise.all(Array.from({ length: width }, (_, value) => client.work(value))));
    },
    chainOfSteps: async (context: Context, length: number) => {
      let count = 0;
      for (let step = 0; step < length; step += 1) {
        const before = count;
        count = await context.run(`step-${step}`, () => before + 1);
      }
      return count;
    },
    chainOfCalls: async (context: Context, length: number) => {
      const client = context.serviceClient(task);
      let count = 0;
      for (let step = 0; step < length; step += 1) count = await client.work(count + 1);
      return count;
    },
  },
});

async function open({ address, adminAddress, way }: ProgramOptions): Promise<Peer> {
  const server = createServer(createEndpointHandler({ services: [task, flows], logger: () => undefined }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the endpoint has no port");
  const response = await fetch(`${adminAddress}/deployments`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uri: `http://127.0.0.1:${bound.port}` }),
  });
  if (!response.ok) throw new Error(`Restate refused the service: ${response.status} ${await response.text()}`);
  const client = connect({ url: address }).serviceClient(flows);
  return {
    fan: async (width) => (way === "calls" ? client.fanOfCalls(width) : client.fanOfSteps(width)),
    chain: async (length) => (way === "calls" ? client.chainOfCalls(length) : client.chainOfSteps(length)),
    close: async () => {
      server.close();
    },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

serve(open);
