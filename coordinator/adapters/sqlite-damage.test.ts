// What a damaged ledger file may do: stop with an error, or give exactly what was written. Never something else.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import type { RunEvent } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";
import { createRun, eventAt, history, indexOf } from "../ports/ledger.conformance.ts";
import { LedgerError, type Ledger } from "../ports/ledger.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-damage-"));
after(() => rmSync(folder, { recursive: true }));

const [run, other] = ["AFlow/1" as RunId, "AFlow/2" as RunId];
const runs = [run, other, "BFlow/1" as RunId];
const eventsOfARun = 60;
/** From the last commit of the log, which is indistinguishable from one that was never finished. */
const lastRun = "LastFlow/1" as RunId;

/** Numbers from 0 up to 1, the same in every run: mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Of many lengths, so that they lie in the pages in many ways. */
function longEvent(seq: number): RunEvent {
  return { kind: "cancelRequested", atMs: seq, by: "x".repeat(50 + ((seq * 37) % 400)) };
}

async function fill(ledger: Ledger): Promise<void> {
  for (const run of runs) await createRun(ledger, run.replace(/\/.*/, ""));
  for (let seq = 1; seq < eventsOfARun; seq++) {
    for (const run of runs) await ledger.append(run, seq, [longEvent(seq + 1)], indexOf(run));
  }
  await createRun(ledger, "LastFlow");
}

type Found = "whole" | "error";

/** What reading a run gives: all of it, or its beginning and then an error. Everything else fails the test. */
async function look(ledger: Ledger, run: RunId, whole: readonly unknown[]): Promise<Found> {
  const seen: unknown[] = [];
  try {
    for await (const recorded of ledger.read(run, 0)) seen.push(recorded);
  } catch (error) {
    assert.ok(error instanceof LedgerError, `${run}: ${String(error)}`);
    assert.deepEqual(seen, whole.slice(0, seen.length));
    return "error";
  }
  assert.deepEqual(seen, whole, run);
  return "whole";
}

/** A folder with the files given, opened and read. */
async function examine(files: ReadonlyMap<string, Buffer>, expected: ReadonlyMap<RunId, readonly unknown[]>): Promise<Found> {
  const at = mkdtempSync(join(folder, "flip-"));
  for (const [name, bytes] of files) writeFileSync(join(at, name), bytes);
  let ledger: SqliteLedger | null = null;
  let found: Found = "whole";
  try {
    ledger = new SqliteLedger(join(at, "ledger.db"));
    for (const [run, whole] of expected) if ((await look(ledger, run, whole)) === "error") found = "error";
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    found = "error";
  } finally {
    await ledger?.close();
    rmSync(at, { recursive: true });
  }
  return found;
}

function flipped(bytes: Buffer, random: () => number): Buffer {
  const copy = Buffer.from(bytes);
  const at = Math.floor(random() * copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  return copy;
}

describe("a bit flips in a ledger file", () => {
  /** The database alone, after a clean close. */
  let closed: Buffer;
  /** The files of a process that was killed. */
  let killed: { readonly database: Buffer; readonly log: Buffer };
  const expected = new Map<RunId, readonly unknown[]>();

  before(async () => {
    const path = join(folder, "origin", "ledger.db");
    const ledger = new SqliteLedger(path);
    await fill(ledger);
    for (const run of runs) expected.set(run, await history(ledger, run));
    killed = { database: readFileSync(path), log: readFileSync(`${path}-wal`) };
    await ledger.close();
    closed = readFileSync(path);
  });

  const rounds = 150;

  test("the undamaged files read whole, so that damage is what the rest of this file tests", async () => {
    assert.equal(await examine(new Map([["ledger.db", closed]]), expected), "whole");
    const files = new Map([
      ["ledger.db", killed.database],
      ["ledger.db-wal", killed.log],
    ]);
    assert.equal(await examine(files, new Map([...expected, [lastRun, [{ seq: 1, event: eventAt(1) }]]])), "whole");
  });

  test("anywhere in the database: a history is whole, or ends in an error", async () => {
    const random = seeded(1);
    const found: Found[] = [];
    for (let round = 0; round < rounds; round++) found.push(await examine(new Map([["ledger.db", flipped(closed, random)]]), expected));
    assert.ok(found.filter((kind) => kind === "error").length > rounds / 4, "most bytes are events, so many flips must show");
  });

  test("anywhere in the write-ahead log: a history is whole, or ends in an error", async () => {
    const random = seeded(2);
    const found: Found[] = [];
    for (let round = 0; round < rounds; round++) {
      const files = new Map([
        ["ledger.db", killed.database],
        ["ledger.db-wal", flipped(killed.log, random)],
      ]);
      found.push(await examine(files, expected));
    }
    assert.ok(found.filter((kind) => kind === "error").length > rounds * 0.9, "SQLite drops what follows a damaged frame: it must show");
  });

  test("a database that was cut short: a history is whole, or ends in an error", async () => {
    const random = seeded(3);
    for (let round = 0; round < 40; round++) {
      const cut = closed.subarray(0, 1 + Math.floor(random() * (closed.length - 1)));
      assert.equal(await examine(new Map([["ledger.db", cut]]), expected), "error");
    }
  });

  test("a log torn within its last commit loses that commit alone, without an error", async () => {
    for (const bytes of [1, 100, 4_096, 4_120]) {
      const files = new Map([
        ["ledger.db", killed.database],
        ["ledger.db-wal", killed.log.subarray(0, killed.log.length - bytes)],
      ]);
      assert.equal(await examine(files, expected), "whole");
    }
  });
});

describe("a row of a ledger is not what was written", () => {
  let files = 0;
  async function damaged(sql: string): Promise<SqliteLedger> {
    const path = join(folder, `rows-${files++}`, "ledger.db");
    mkdirSync(join(path, ".."));
    copyFileSync(join(folder, "rows-origin", "ledger.db"), path);
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
    return new SqliteLedger(path);
  }
  const ofRun = `run_key = (SELECT key FROM runs WHERE run = '${run}')`;

  before(async () => {
    const ledger = new SqliteLedger(join(folder, "rows-origin", "ledger.db"));
    await fill(ledger);
    await ledger.close();
  });

  const cases: readonly (readonly [title: string, sql: string, seq: number])[] = [
    ["its text changed", `UPDATE events SET payload = replace(payload, 'x', 'y') WHERE ${ofRun} AND seq = 30`, 30],
    ["its checksum changed", `UPDATE events SET checksum = checksum + 1 WHERE ${ofRun} AND seq = 2`, 2],
    ["it is missing in the middle", `DELETE FROM events WHERE ${ofRun} AND seq = 17`, 17],
    ["it is missing at the beginning", `DELETE FROM events WHERE ${ofRun} AND seq = 1`, 1],
    ["it is missing at the end", `DELETE FROM events WHERE ${ofRun} AND seq = 60`, 60],
    ["all are missing", `DELETE FROM events WHERE ${ofRun}`, 1],
    ["there is one too many", `UPDATE runs SET last_seq = 59 WHERE run = '${run}'`, 60],
    [
      "it is another run's",
      `UPDATE events SET (payload, checksum) = (SELECT payload, checksum FROM events WHERE run_key = 2 AND seq = 9) WHERE ${ofRun} AND seq = 9`,
      9,
    ],
    [
      "it is an older one of the same run",
      `UPDATE events SET (payload, checksum) = (SELECT payload, checksum FROM events WHERE ${ofRun} AND seq = 8) WHERE ${ofRun} AND seq = 9`,
      9,
    ],
  ];
  for (const [title, sql, seq] of cases) {
    test(`${title}: reading stops there, names it, and the run takes no more events`, async () => {
      const ledger = await damaged(sql);
      const seen: number[] = [];
      const read = async (): Promise<void> => {
        for await (const recorded of ledger.read(run, 0)) seen.push(recorded.seq);
      };
      const names = new RegExp(
        `ledger .*ledger\\.db: event ${seq} of ${run} is damaged or missing; restore the file from a backup, or start`,
      );
      await assert.rejects(read(), (error) => error instanceof LedgerError && error.problem === "corrupt" && names.test(error.message));
      assert.equal(seen.length, seq - 1);
      await assert.rejects(ledger.append(run, 60, [eventAt(61)], indexOf(run)), names);
      await ledger.close();
    });
  }

  test("other runs go on as if nothing were", async () => {
    const ledger = await damaged(`DELETE FROM events WHERE ${ofRun}`);
    await assert.rejects(history(ledger, run), LedgerError);
    assert.equal((await history(ledger, other)).length, eventsOfARun);
    const [appended, refused] = await Promise.allSettled([
      ledger.append(other, eventsOfARun, [eventAt(61)], indexOf(other)),
      ledger.append(run, eventsOfARun, [eventAt(61)], indexOf(run)),
    ]);
    assert.deepEqual([appended.status, refused.status], ["fulfilled", "rejected"]);
    await ledger.close();
  });

  test("a run's entry is missing: that is damage, not an unknown run", async () => {
    const ledger = await damaged(`DELETE FROM runs WHERE run = '${run}'`);
    await assert.rejects(history(ledger, run), /the entry of AFlow\/1 is damaged or missing/);
    await ledger.close();
  });

  test("a run's summary is damaged or missing: the list says which", async () => {
    for (const sql of [
      `UPDATE summaries SET summary = replace(summary, 'ada', 'eve') WHERE ${ofRun}`,
      `DELETE FROM summaries WHERE ${ofRun}`,
    ]) {
      const ledger = await damaged(sql);
      await assert.rejects(ledger.list({ limit: 10 }), /the summary of AFlow\/1 is damaged or missing/);
      await ledger.close();
    }
  });
});
