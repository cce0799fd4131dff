// The program of a task process: `main.ts STORE_ROOT TEMPORARY_FOLDER`, with the worker at the other end of a socket.

import { FileArtifactStore } from "../../../sdk/artifact/file-store.ts";
import { PackageExecution } from "./execution.ts";
import { TaskServer } from "./serve.ts";

const [storeRoot, tempDir] = process.argv.slice(2);
if (storeRoot === undefined || tempDir === undefined) throw new Error("a task process is started by a worker, not by hand");
new TaskServer(tempDir, new PackageExecution(new FileArtifactStore(storeRoot))).start();
