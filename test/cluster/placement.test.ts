// Where tasks go among workers of different shapes, as people start them, and what is said of those that wait.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stepwell, temporaryFolder } from "../command.ts";
import { startCoordinator, startWorker } from "./processes.ts";

const flow = `import { concurrency, FlowSpec, resources, step, type Inputs } from "stepwell";
export class ShapedFlow extends FlowSpec {
  declare items: number[];
  declare worker: string;
  @resources({ labels: { zone: "eu" } })
  @step start() { this.items = [1, 2, 3, 4]; return this.next(this.train, { foreach: "items" }); }
  @concurrency({ max: 2 })
  @resources({ cpu: 2, memory: 2048, pool: "large" })
  @step train() { return this.next(this.join); }
  @step join(inputs: Inputs<this>) { return this.next(this.end); }
  @step end() {}
}
`;

type Why = { readonly why: readonly { readonly step: string; readonly tasks: number; readonly text: string }[] };

void test("tasks wait for the workers that they ask for, status says which, and they run there", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  const cluster = await startCoordinator(folder.path);
  await using coordinator = cluster.coordinator;
  const user = join(folder.path, "user");
  mkdirSync(user);
  writeFileSync(join(user, "shaped.ts"), flow);
  const { env } = cluster;
  const ran = await stepwell(user, ["run", "shaped.ts", "--detach", "--priority", "10"], { env });
  const run = ran.stdout.trim();
  assert.equal(run, "ShapedFlow/1", ran.stderr);
  const why = async (): Promise<readonly string[]> => {
    const { stdout } = await stepwell(user, ["status", run, "--why", "--json"], { env });
    return (JSON.parse(stdout) as Why).why.map(({ step, tasks, text }) => `${step} ${tasks}: ${text}`);
  };
  assert.deepEqual(await why(), ["start 1: no worker in pool default"]);
  await using plain = await startWorker(cluster, 0);
  assert.deepEqual(await why(), ["start 1: no worker in pool default with label zone=eu"]);
  await using labelled = await startWorker(cluster, 1, ["--label", "zone=eu"]);
  const waiting = async (text: string): Promise<void> => {
    while (!(await why()).includes(text));
  };
  await waiting("train 4: no worker in pool large");
  await using small = await startWorker(cluster, 2, ["--pool", "large", "--cpu", "1", "--memory", "4GiB"]);
  assert.ok((await why()).includes("train 4: no worker is large enough: asks for 2 cores, the largest has 1"));
  await using large = await startWorker(cluster, 3, ["--pool", "large", "--cpu", "4", "--memory", "4GiB", "--slots", "4"]);
  const watched = await stepwell(user, ["watch", run], { env });
  assert.equal(watched.code, 0, watched.stderr);
  const { stdout } = await stepwell(user, ["status", run, "--tasks", "--json"], { env });
  type Task = { readonly step: string; readonly attempts: readonly { readonly worker: string }[] };
  const { taskList } = JSON.parse(stdout) as { readonly taskList: readonly Task[] };
  const workersOf = (name: string): ReadonlySet<string | undefined> =>
    new Set(taskList.filter(({ step }) => step === name).map(({ attempts }) => attempts[0]?.worker));
  assert.equal(workersOf("train").size, 1);
  assert.ok([...workersOf("start")].every((worker) => !workersOf("train").has(worker)));
  assert.deepEqual(await why(), []);
  for (const service of [coordinator, plain, labelled, small, large]) assert.equal(service.child.exitCode, null);
});
