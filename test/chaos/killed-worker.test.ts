// A worker of a cluster that is killed leaves no file behind, whatever it has run before.

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../command.ts";
import { startCoordinator, startWorker } from "../cluster/processes.ts";
import { until } from "./started.ts";

test("a worker that is killed before its first task leaves no temporary file", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  const cluster = await startCoordinator(folder.path);
  await using _coordinator = cluster.coordinator;
  const temp = join(folder.path, "t");
  mkdirSync(temp);
  await using worker = await startWorker({ ...cluster, env: { ...cluster.env, TMPDIR: temp } }, 0);
  await until("its folder", () => readdirSync(temp).length > 0);
  worker.signal("SIGKILL");
  await worker.ended();
  await until("an empty temporary folder", () => readdirSync(temp).length === 0);
});
