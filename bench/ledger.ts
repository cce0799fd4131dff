// How fast the SQLite ledger takes events, beside a bare SQLite group-commit loop with the same durability and batch size.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseFlowName, parseStepName, taskIdOf, type RunId } from "../proto/ids.ts";
import type { RunEvent } from "../proto/event.ts";
import { SqliteLedger } from "../coordinator/adapters/sqlite-ledger.ts";
import { atLeast, noted, quick } from "./figure.ts";
import type { RunIndex } from "../coordinator/ports/ledger.ts";

const seconds = quick ? 0.1 : 3;
const rounds = quick ? 1 : 3;
/** On the disk of the checkout: /tmp may be memory. */
const folder = mkdtempSync(join(import.meta.dirname, ".ledger-"));

/** What a no-op task leaves: about 500 bytes. */
function eventOf(index: number): RunEvent {
  const inline = { kind: "inline", base64: "AQAAAAAAAAAAAA==" } as const;
  const usage = { startedAtMs: 1_795_512_000_000, finishedAtMs: 1_795_512_000_002, cpuMs: 1.25, peakMiB: 61.5 };
  const ref = { kind: "stored", sha256: "ab".repeat(32) as never, size: 12, type: "number", place: inline } as const;
  return {
    kind: "taskSucceeded",
    atMs: usage.finishedAtMs,
    task: taskIdOf(parseStepName("train"), [index]),
    attempt: 0,
    lease: 1,
    taken: { kind: "linear", to: parseStepName("join") },
    artifacts: { accuracy: ref },
    usage,
  };
}

function indexOf(run: RunId, succeeded: number): RunIndex {
  const counts = { ready: 0, running: 2, waiting: 1, succeeded, failed: 0, cancelled: 0, caught: 0, reused: 0, retried: 0 };
  const base = { run, flow: parseFlowName("BenchFlow"), status: "running", user: "ada", namespace: "user:ada" } as const;
  return {
    ...base,
    tags: ["bench"],
    systemTags: ["user:ada"],
    submittedAtMs: 1_795_512_000_000,
    finishedAtMs: null,
    originRun: null,
    counts,
  };
}

type Measured = { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number };

/** `appenders` loops, each of which waits for its event before it sends the next. */
async function loop(appenders: number, append: (appender: number, seq: number) => Promise<void>): Promise<Measured> {
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  const one = async (appender: number): Promise<void> => {
    for (let seq = 2; performance.now() - startMs < seconds * 1_000; seq++) {
      const sentMs = performance.now();
      await append(appender, seq);
      latenciesMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: appenders }, (_, i) => one(i)));
  const perSecond = latenciesMs.length / ((performance.now() - startMs) / 1_000);
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number): number => Number((latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0).toFixed(2));
  return { perSecond: Math.round(perSecond), p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** The limit: ready-made text, one insert with the uniqueness that any ledger needs, one commit for all that wait. */
async function bareLoop(appenders: number, name: string): Promise<Measured> {
  const database = new DatabaseSync(join(folder, `${name}.db`));
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec("CREATE TABLE events (id INTEGER PRIMARY KEY, stream INTEGER, seq INTEGER, payload TEXT, UNIQUE (stream, seq))");
  const insert = database.prepare("INSERT INTO events (stream, seq, payload) VALUES (?, ?, ?)");
  const payload = JSON.stringify(eventOf(1));
  let waiting: { readonly stream: number; readonly seq: number; readonly resolve: () => void }[] = [];
  const flush = (): void => {
    const batch = waiting;
    waiting = [];
    database.exec("BEGIN IMMEDIATE");
    for (const { stream, seq } of batch) insert.run(stream, seq, payload);
    database.exec("COMMIT");
    for (const { resolve } of batch) resolve();
  };
  const measured = await loop(appenders, (stream, seq) => {
    return new Promise((resolve) => {
      if (waiting.push({ stream, seq, resolve }) === 1) setImmediate(flush);
    });
  });
  database.close();
  return measured;
}

async function ledgerLoop(appenders: number, name: string): Promise<Measured> {
  const ledger = new SqliteLedger(join(folder, `${name}.db`));
  const owner = { id: "bench", pid: process.pid, host: "bench", address: "" };
  const beginning = { flow: parseFlowName("BenchFlow"), owner };
  const create = async (): Promise<RunId> =>
    (await ledger.create(beginning, (run) => ({ events: [eventOf(0)], index: indexOf(run, 0) }))).run;
  const runs = await Promise.all(Array.from({ length: appenders }, create));
  const measured = await loop(appenders, async (appender, seq) => {
    const run = runs[appender];
    if (run === undefined) throw new Error("no such run");
    const { kind } = await ledger.append(run, seq - 1, [eventOf(seq)], indexOf(run, seq));
    if (kind === "conflict") throw new Error("nobody else appends to this run");
  });
  await ledger.close();
  return measured;
}

function median(list: readonly Measured[]): Measured {
  const sorted = list.toSorted((a, b) => a.perSecond - b.perSecond);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error("nothing was measured");
  return middle;
}

try {
  for (const appenders of [1, 100, 1_000]) {
    const figures: Measured[] = [];
    const limits: Measured[] = [];
    for (let round = 0; round < rounds; round++) {
      limits.push(await bareLoop(appenders, `bare-${appenders}-${round}`));
      figures.push(await ledgerLoop(appenders, `ledger-${appenders}-${round}`));
    }
    const [figure, limit] = [median(figures), median(limits)];
    const name = `ledger, ${appenders} appender${appenders === 1 ? "" : "s"}`;
    const against = { figure: name, value: figure.perSecond, unit: "events/s", limit: limit.perSecond, limitName: "bare SQLite" };
    atLeast(0.6, against);
    noted(`  wait of an append, 99 %, ${appenders}`, figure.p99Ms, "ms");
  }
} finally {
  rmSync(folder, { recursive: true });
}
