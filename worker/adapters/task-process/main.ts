// The program of a task process: `main.ts STORE_ROOT TEMPORARY_FOLDER [cached]`, with the worker at the other end of a socket.
// `cached`: the store is the worker's cache, and a second socket is there to ask the worker for what it lacks.

import { FileArtifactStore } from "../../../sdk/artifact/file-store.ts";
import { CachedArtifactStore } from "./cached-store.ts";
import { PackageExecution } from "./execution.ts";
import { TaskServer } from "./serve.ts";
import { SocketLine } from "./worker-line.ts";

const [storeRoot, tempDir, cached] = process.argv.slice(2);
if (storeRoot === undefined || tempDir === undefined) throw new Error("a task process is started by a worker, not by hand");
const line = new SocketLine((message) => server.askBlobs(message));
const store = cached === undefined ? new FileArtifactStore(storeRoot) : new CachedArtifactStore(storeRoot, line);
const server = new TaskServer(tempDir, new PackageExecution(store));
server.start();
