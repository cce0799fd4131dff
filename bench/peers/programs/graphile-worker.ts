// Graphile Worker: jobs that nothing joins and that keep no result, so this process adds up what they give it in memory;
// `batched` fetches and completes jobs many at a time, as its documentation advises for load.

import { Logger, makeWorkerUtils, run, type TaskList } from "graphile-worker";
import { serve, type Peer, type ProgramOptions } from "./serve.ts";

const concurrency = 8;
const batched = { localQueue: { size: 500 }, completeJobBatchDelay: 0 };

/** What the jobs of one run have come to, and who waits for it. */
type Tally = { left: number; sum: number; readonly done: (sum: number) => void };

async function open({ address, way }: ProgramOptions): Promise<Peer> {
  let tally: Tally | null = null;
  const count = (value: number): Tally => {
    if (tally === null) throw new Error("a job ran that nobody waits for");
    tally.left -= 1;
    tally.sum += value;
    return tally;
  };
  const taskList: TaskList = {
    work: (payload) => {
      const { left, sum, done } = count(payload as number);
      if (left === 0) done(sum);
    },
    next: async (_, helpers) => {
      const { left, sum, done } = count(1);
      if (left === 0) done(sum);
      else await helpers.addJob("next", {});
    },
  };
  const preset = { worker: { connectionString: address, concurrentJobs: concurrency, ...(way === "batched" && batched) } };
  const logger = new Logger(() => () => undefined);
  const runner = await run({ preset, taskList, logger });
  const utils = await makeWorkerUtils({ connectionString: address, logger });
  const started = async (left: number, add: () => Promise<unknown>): Promise<number> => {
    const sum = new Promise<number>((done) => (tally = { left, sum: 0, done }));
    await add();
    return sum;
  };
  return {
    fan: (width) => started(width, () => utils.addJobs(Array.from({ length: width }, (_, payload) => ({ identifier: "work", payload })))),
    chain: (length) => started(length, () => utils.addJob("next", {})),
    close: async () => {
      await utils.release();
      await runner.stop();
    },
  };
}

serve(open);
