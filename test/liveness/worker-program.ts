// A worker in a process of its own, to be stopped, killed and cut off: ADDRESS ID STORE. SIGTERM drains it.

import { startWorker } from "../../worker/main.ts";

/** What runs when it is to leave is given back after this. Milliseconds. */
const drainMs = 100;

const [address = "", id = "", root = ""] = process.argv.slice(2);
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const worker = startWorker({
  coordinator: { address },
  slots: 1,
  id,
  version: "test",
  store: { kind: "files", root },
  isolation: "warm",
  labels: {},
  runs: [],
  log: silent,
});
process.once("SIGTERM", () => {
  void worker
    .drain(drainMs)
    .then(() => worker.stop())
    .then(() => process.exit(0));
});
