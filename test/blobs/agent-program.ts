// A worker in a process of its own, to be killed: `agent-program.ts ADDRESS ID CACHE`.

import { startWorker } from "../../worker/main.ts";

const [address, id, root] = process.argv.slice(2);
if (address === undefined || id === undefined || root === undefined) throw new Error("agent-program.ts ADDRESS ID CACHE");
const ignore = (): void => undefined;
startWorker({
  coordinator: { address },
  slots: 1,
  id,
  version: "test",
  store: { kind: "cache", root, bytesMax: 1024 ** 3 },
  isolation: "warm",
  labels: {},
  runs: [],
  log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
});
