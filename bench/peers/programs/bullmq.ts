// BullMQ: a flow of a parent job and its children, and one of jobs nested in each other; `sandboxed` runs them in the
// processes that a worker keeps.

import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { FlowProducer, QueueEvents, Worker, type FlowJobNode } from "bullmq";
import { serve, type Peer, type ProgramOptions } from "./serve.ts";
import type { JobData } from "./bullmq-job.ts";
import work from "./bullmq-job.ts";

const queueName = "bench";
const concurrency = 8;
const sandbox = fileURLToPath(new URL("bullmq-job.ts", import.meta.url));

async function open({ address, way }: ProgramOptions): Promise<Peer> {
  const { hostname, port, password } = new URL(address);
  const connection = { host: hostname, port: Number(port), password, maxRetriesPerRequest: null };
  const worker = new Worker<JobData, number>(queueName, way === "sandboxed" ? sandbox : work, { connection, concurrency });
  const events = new QueueEvents(queueName, { connection });
  const producer = new FlowProducer({ connection });
  await Promise.all([worker.waitUntilReady(), events.waitUntilReady(), producer.waitUntilReady()]);
  const job = (data: JobData, children: FlowJobNode[] = []): FlowJobNode => ({
    name: data.kind,
    queueName,
    data,
    ...(children.length > 0 && { children }),
    opts: { jobId: randomUUID() },
  });
  const finish = async (root: FlowJobNode): Promise<number> => {
    const node = await producer.add(root);
    return (await node.job.waitUntilFinished(events)) as number;
  };
  return {
    fan: (width) =>
      finish(
        job(
          { kind: "sum" },
          Array.from({ length: width }, (_, value) => job({ kind: "value", value })),
        ),
      ),
    chain: (length) => {
      let node = job({ kind: "value", value: 1 });
      for (let step = 1; step < length; step += 1) node = job({ kind: "next" }, [node]);
      return finish(node);
    },
    close: async () => {
      await worker.close();
      await Promise.all([events.close(), producer.close()]);
    },
  };
}

serve(open);
