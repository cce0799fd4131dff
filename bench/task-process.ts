// Measures task processes: round trips of warm ones, and fresh ones against bare Node processes. Needs a build.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseFlowName, type Sha256 } from "../proto/ids.ts";
import { FileArtifactStore } from "../sdk/artifact/file-store.ts";
import { checkFlow } from "../sdk/graph/check-flow.ts";
import { atLeast, atMost, noted, quick } from "./figure.ts";
import { orderFor } from "../test/worker/test-coordinator.ts";
import { SpawnedTaskProcesses } from "../dist/worker/adapters/task-process/spawned.js";
import { AttemptRun } from "../dist/worker/shell/attempt-run.js";
import { parseOrderHead } from "../dist/worker/shell/order-head.js";
import { ProcessPool } from "../dist/worker/shell/process-pool.js";

const parentLimitMicroseconds = 60;
const childLimitMicroseconds = 150;
/** Share of the rate of bare Node processes that fresh task processes are to reach. */
const isolatedShare = 0.7;
const slots = 2;

const folder = mkdtempSync(join(tmpdir(), "stepwell-bench-"));
const store = new FileArtifactStore(join(folder, "store"));

// As a worker does: its task processes keep compiled code there.
mkdirSync(join(folder, "temp"));

try {
  const codePackage = await makePackage();
  await benchWarm(codePackage, 1);
  await benchWarm(codePackage, 2);
  await benchIsolated(codePackage);
} finally {
  rmSync(folder, { recursive: true });
}

async function makePackage(): Promise<Sha256> {
  const file = join(folder, "flow.ts");
  const step = `@step start() { return this.next(this.end); } @step end() {}`;
  writeFileSync(file, `import { FlowSpec, step } from "stepwell"; export class NoFlow extends FlowSpec { ${step} }`);
  const checked = await checkFlow(file);
  if (checked.package === null) throw new Error(JSON.stringify(checked.problems));
  return store.put(checked.package);
}

async function benchWarm(codePackage: Sha256, processes: number): Promise<void> {
  const tasks = quick ? 300 : 10_000;
  const pool = openPool();
  await inTurns(processes, 200, () => runTask(pool, codePackage, false));
  const childrenBefore = childrenCpuSeconds();
  const own = process.cpuUsage();
  const seconds = await timed(() => inTurns(processes, tasks, () => runTask(pool, codePackage, false)));
  const { user, system } = process.cpuUsage(own);
  await pool.close();
  const perTask = (total: number): number => Math.round((total / tasks) * 10) / 10;
  const parent = perTask(user + system);
  const child = perTask((childrenCpuSeconds() - childrenBefore) * 1e6);
  noted(`warm round trips, ${processes} process${processes === 1 ? "" : "es"}`, tasks / seconds, "tasks/s");
  atMost(1, { figure: "  worker's CPU for each", value: parent, unit: "us", limit: parentLimitMicroseconds });
  atMost(1, { figure: "  task process's CPU for each, start included", value: child, unit: "us", limit: childLimitMicroseconds });
}

/** In turns of bare and isolated, so that a machine that is busy for a while is so for both. */
async function benchIsolated(codePackage: Sha256): Promise<void> {
  const tasks = quick ? 2 : 40;
  const pool = openPool();
  await inTurns(slots, 4, () => runTask(pool, codePackage, true));
  let bareSeconds = 0;
  let isolatedSeconds = 0;
  for (let round = 0; round < 4; round += 1) {
    bareSeconds += await timed(() => inTurns(slots, tasks, runBare));
    isolatedSeconds += await timed(() => inTurns(slots, tasks, () => runTask(pool, codePackage, true)));
  }
  await pool.close();
  const bare = (4 * tasks) / bareSeconds;
  const isolated = (4 * tasks) / isolatedSeconds;
  const figure = "fresh task processes, without a coordinator";
  atLeast(isolatedShare, { figure, value: isolated, unit: "/s", limit: bare, limitName: "node -e 0, two at a time" });
}

function openPool(): ProcessPool {
  const marker = `bench-${process.pid}`;
  return new ProcessPool({
    processes: new SpawnedTaskProcesses({
      marker,
      storage: () => ({ root: join(folder, "store"), access: "files", hidden: [] }),
      tempRoot: join(folder, "temp"),
    }),
    slots,
  });
}

function runTask(pool: ProcessPool, codePackage: Sha256, isolated: boolean): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(orderFor("start", { codePackage, isolated, flow: parseFlowName("NoFlow") })));
  return new Promise((resolve, reject) => {
    const run = new AttemptRun({ bytes, head: parseOrderHead(bytes) }, pool, {
      blobs: null,
      onLines: (lines) => reject(new Error(lines.map((line) => line.text).join("\n"))),
      onOutcome: (outcome) => {
        const text = Buffer.from(outcome).toString();
        if (!text.includes('"succeeded"')) reject(new Error(text));
      },
      onEnded: resolve,
    });
    run.start();
  });
}

async function runBare(): Promise<void> {
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit");
}

async function inTurns(width: number, count: number, one: () => Promise<void>): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await one();
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** Of those that have ended. */
function childrenCpuSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "latin1")
    .replace(/^.*\) /, "")
    .split(" ");
  const ticksPerSecond = 100;
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}
