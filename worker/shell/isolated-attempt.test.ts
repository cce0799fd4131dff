// Attempts in processes that were started for one task. What they share with other attempts is in attempt-run.test.ts.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskOutcome } from "../../proto/order.ts";
import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";
import { buildStepsProgram } from "../../test/worker/steps-program.ts";
import { SpawnedTaskProcesses } from "../adapters/task-process/spawned.ts";
import { AttemptRun } from "./attempt-run.ts";
import { ProcessPool } from "./process-pool.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-isolated-"));
let pool: ProcessPool;

before(async () => {
  const program = join(folder, "program.cjs");
  await buildStepsProgram(program);
  const marker = `isolated-test-${process.pid}`;
  const processes = new SpawnedTaskProcesses({
    marker,
    storage: () => ({ root: join(folder, "store"), access: "files", hidden: [] }),
    tempRoot: join(folder, "temp"),
    program,
  });
  pool = new ProcessPool({ processes, slots: 2 });
});

after(async () => {
  await pool.close();
  rmSync(folder, { recursive: true, force: true });
});

type Ended = { readonly outcome: TaskOutcome; readonly texts: readonly string[] };
type Order = { readonly step: string; readonly [field: string]: unknown };

function start(order: Order, over: { timeoutSeconds?: number; memoryMiB?: number; codePackage?: string; isolated?: boolean } = {}) {
  const texts: string[] = [];
  const { promise, resolve } = Promise.withResolvers<Ended>();
  let outcome: TaskOutcome | null = null;
  const { timeoutSeconds = null, memoryMiB = null, codePackage = "none", isolated = true } = over;
  const bytes = Buffer.from(JSON.stringify({ ...order, timeoutSeconds }));
  const run = new AttemptRun(
    { bytes, head: { codePackage, environment: {}, isolated, timeoutSeconds, memoryMiB, hasSecrets: false } },
    pool,
    {
      blobs: null,
      onLines: (lines) => texts.push(...lines.map((line) => line.text)),
      onOutcome: (json) => (outcome = JSON.parse(Buffer.from(json).toString()) as TaskOutcome),
      onEnded: () => {
        assert.ok(outcome);
        resolve({ outcome, texts });
      },
    },
  );
  run.start();
  return { run, texts, ended: promise };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (; !condition(); await sleep(5)) assert.ok(performance.now() < deadline, "it never came to be");
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

test("each attempt has a process of its own, which is gone afterwards", async () => {
  const pids: number[] = [];
  for (let count = 0; count < 4; count += 1) {
    const { outcome, texts } = await start({ step: "pid" }).ended;
    assert.equal(outcome.kind, "succeeded");
    pids.push(Number(texts[0]));
  }
  assert.equal(new Set(pids).size, 4);
  await until(() => !pids.some(isAlive));
});

test("an attempt that others may follow gets no process that was started for one task", async () => {
  await start({ step: "pid" }).ended; // Spares for one task each are started now.
  const first = await start({ step: "pid" }, { isolated: false }).ended;
  const second = await start({ step: "pid" }, { isolated: false }).ended;
  assert.equal(first.texts[0], second.texts[0]);
});

test("the code package comes with the order, verified by the worker", async () => {
  const codePackage = await new FileArtifactStore(join(folder, "store")).put(Buffer.from("the package"));
  const { texts } = await start({ step: "provided" }, { codePackage }).ended;
  assert.deepEqual(texts, ["the package"]);
});

test("what it asks of the worker is answered", async () => {
  const { outcome, texts } = await start({ step: "asks" }).ended;
  assert.equal(outcome.kind, "succeeded");
  assert.equal(texts.length, 1);
});

test("everything that was printed comes before the report, also more than a pipe holds", async () => {
  const { texts } = await start({ step: "burst", text: "x".repeat(5000) }).ended;
  assert.ok(texts.at(-1)?.endsWith("xx 49"));
  assert.equal(texts.length, 50);
});

test("it ends as any process does: by exit, signal, exception, rejection, and in a timer", async () => {
  const failures = [];
  for (const step of ["exit", "abort", "throws", "reject", "throwsLater"]) {
    const { outcome } = await start({ step }).ended;
    assert.equal(outcome.kind, "failed");
    failures.push("message" in outcome.failure ? outcome.failure.message : outcome.failure);
  }
  assert.deepEqual(failures, [{ kind: "exit", code: 0 }, { kind: "signal", signal: "SIGABRT" }, "too far", "nobody waits", "in a timer"]);
});

test("an abort reaches a step that waits, and a kill one that blocks its event loop", async () => {
  const tidy = start({ step: "tidy" });
  const block = start({ step: "block" });
  await until(() => block.texts.length > 0);
  tidy.run.stop("ann", 2000);
  block.run.stop("ann", 50);
  const tidied = await tidy.ended;
  assert.deepEqual(tidied.texts, ["tidied up"]);
  for (const { outcome } of [tidied, await block.ended]) {
    assert.equal(outcome.kind, "failed");
    assert.deepEqual(outcome.failure, { kind: "cancelled", by: "ann" });
  }
});

test("a time-out is disarmed when the step's code has returned, and holds until then", async () => {
  assert.equal((await start({ step: "keep", keepMs: 400 }, { timeoutSeconds: 0.3 }).ended).outcome.kind, "succeeded");
  const { outcome } = await start({ step: "hang" }, { timeoutSeconds: 0.2 }).ended;
  assert.equal(outcome.kind, "failed");
  assert.deepEqual(outcome.failure, { kind: "timeout", afterSeconds: 0.2 });
});

test("what a step started goes with it, in its group and out of it, and so does its temporary folder", async () => {
  const { texts } = await start({ step: "family" }).ended;
  const pids = (texts[0] ?? "").split(" ").map(Number);
  assert.equal(pids.length, 3);
  await until(() => !pids.some(isAlive));
  const temp = join(folder, "temp");
  const written = start({ step: "tempAndHang" });
  await until(() => written.texts.length > 0);
  assert.equal(readdirSync(temp).length, 1);
  written.run.stop("ann", 0);
  await until(() => readdirSync(temp).length === 0);
});

for (const [step, what] of [
  ["swell", "a step"],
  ["swellElsewhere", "what a step has started"],
]) {
  test(`${what} that holds more memory than the attempt may ends it as out of memory, with peak and limit`, async () => {
    const { outcome } = await start({ step: step ?? "", sizeMiB: 400 }, { memoryMiB: 200 }).ended;
    assert.ok(outcome.kind === "failed" && outcome.failure.kind === "outOfMemory", JSON.stringify(outcome));
    assert.equal(outcome.failure.limitMiB, 200);
    assert.ok(outcome.failure.peakMiB > 200, `peak ${outcome.failure.peakMiB} MiB`);
  });
}
