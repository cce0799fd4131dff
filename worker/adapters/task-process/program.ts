// What a task process does, with the worker at the other end of a socket.

import { FileArtifactStore } from "../../../sdk/artifact/file-store.ts";
import { CachedArtifactStore } from "./cached-store.ts";
import { PackageExecution } from "./execution.ts";
import { TaskServer } from "./serve.ts";
import { SocketLine } from "./worker-line.ts";

/**
 * `words` are STORE_ROOT TEMPORARY_FOLDER once|warm files|cached|cachedWhole. `cached`: the store is the worker's cache, and a
 * second socket is there to ask the worker for what it lacks; `cachedWhole`: and everything is to be in the store behind it,
 * also what rides inline. `beforeReport` is called when a step is done, before the worker hears of it.
 */
export function serveTasks([storeRoot, tempDir, use, storage]: readonly string[], beforeReport: () => void): void {
  if (storeRoot === undefined || tempDir === undefined) throw new Error("a task process is started by a worker, not by hand");
  const store =
    storage === "cached" || storage === "cachedWhole"
      ? new CachedArtifactStore(storeRoot, new SocketLine((message) => server.askBlobs(message)), {
          keepsInline: storage === "cachedWhole",
        })
      : new FileArtifactStore(storeRoot);
  const server = new TaskServer({
    tempDir,
    execution: new PackageExecution(store),
    use: use === "once" ? "once" : "warm",
    beforeReport,
  });
  server.start();
}
