// examples/shapes.ts on the workers that its first lines name: each step runs on a worker of the shape that it asks for.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root, stepwell, temporaryFolder } from "../command.ts";
import { startCoordinator, startWorker } from "./processes.ts";

const example = join(root, "examples/shapes.ts");

/** As they stand in the example. */
const [usual, withDisk, withGpu] = readFileSync(example, "utf8")
  .split("\n")
  .filter((line) => line.startsWith("//   stepwell worker "))
  .map((line) => line.replace("//   stepwell worker ", "").split(" "));

type Attempt = { readonly worker: string; readonly startedAtMs: number; readonly finishedAtMs: number };

void test("the example of shapes runs on its three workers, each step where it belongs", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  const cluster = await startCoordinator(folder.path);
  await using _coordinator = cluster.coordinator;
  await using plain = await startWorker(cluster, 0, usual);
  await using disk = await startWorker(cluster, 1, withDisk);
  await using gpu = await startWorker(cluster, 2, withGpu);
  const { env } = cluster;
  const ran = await stepwell(folder.path, ["run", example, "--detach"], { env });
  assert.equal(ran.code, 0, ran.stderr);
  const watched = await stepwell(folder.path, ["watch", "latest"], { env });
  assert.equal(watched.code, 0, watched.stderr);
  assert.match(watched.stdout, /end\/0 \| degree 3 fits best: 0\.0\d\d off/);
  const { stdout } = await stepwell(folder.path, ["status", "ShapesFlow/1", "--tasks", "--json"], { env });
  const { taskList } = JSON.parse(stdout) as {
    readonly taskList: readonly { readonly step: string; readonly attempts: readonly Attempt[] }[];
  };
  const attemptsOf = (name: string): readonly Attempt[] => taskList.filter(({ step }) => step === name).flatMap(({ attempts }) => attempts);
  const nameOf = async (worker: typeof plain): Promise<unknown> => (await worker.event("worker.welcomed"))["worker_id"];
  const names = (attempts: readonly Attempt[]): unknown[] => [...new Set(attempts.map(({ worker }) => worker))];
  assert.deepEqual(names(attemptsOf("clean")), [await nameOf(disk)]);
  assert.deepEqual(names(attemptsOf("fit")), [await nameOf(gpu)]);
  const elsewhere = [await nameOf(plain), await nameOf(disk)];
  for (const step of ["start", "gather", "pick", "end"]) {
    assert.ok(
      names(attemptsOf(step)).every((name) => elsewhere.includes(name)),
      step,
    );
  }
  const fits = attemptsOf("fit").toSorted((a, b) => a.startedAtMs - b.startedAtMs);
  assert.equal(fits.length, 5);
  for (const [index, fit] of fits.slice(1).entries())
    assert.ok((fits[index]?.finishedAtMs ?? Infinity) <= fit.startedAtMs, "two at a time");
});
