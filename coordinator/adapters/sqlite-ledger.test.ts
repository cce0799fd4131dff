import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { after, describe, test } from "node:test";
import { parseFlowName, parseRunId, type RunId } from "../../proto/ids.ts";
import { makeReadOnly, withTinyDisk } from "../../test/tiny-disk.ts";
import { createRun, describeLedger, eventAt, history, indexOf, noCounts, ownerNamed } from "../ports/ledger.conformance.ts";
import { LedgerError } from "../ports/ledger.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-ledger-"));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
const newPath = (): string => join(folder, `${files++}`, "ledger.db");

describeLedger("SqliteLedger", async () => new SqliteLedger(join(folder, "not", "yet", "there", "ledger.db")));

async function withLedger(path: string, use: (ledger: SqliteLedger) => Promise<void>): Promise<void> {
  const ledger = new SqliteLedger(path);
  try {
    await use(ledger);
  } finally {
    await ledger.close();
  }
}

/** Runs the statements behind the ledger's back. */
function tamper(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

function isError(problem: string, message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof LedgerError, String(error));
    assert.equal(error.problem, problem);
    assert.match(error.message, message);
    return true;
  };
}

/** A process of its own that has `ledger` and the conformance suite's makers in scope. */
async function inOtherProcess(path: string, body: string): Promise<string> {
  const url = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
  const program = `
    import { SqliteLedger } from ${url("./sqlite-ledger.ts")};
    import * as make from ${url("../ports/ledger.conformance.ts")};
    const ledger = new SqliteLedger(${JSON.stringify(path)});
    ${body}
    await ledger.close();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  return (await text(child.stdout)).trim();
}

describe("SqliteLedger over time", () => {
  test("everything is there after closing and opening again, and numbers go on", async () => {
    const path = newPath();
    await withLedger(path, async (ledger) => {
      const run = await createRun(ledger, "TrainFlow", { tags: ["a"] });
      await ledger.append(run, 1, [eventAt(2)], indexOf(run, { tags: ["a"] }));
    });
    await withLedger(path, async (ledger) => {
      assert.deepEqual(
        (await history(ledger, parseRunId("TrainFlow/1"))).map(({ event }) => event),
        [eventAt(1), eventAt(2)],
      );
      assert.equal((await ledger.list({ tags: ["a"], limit: 5 })).total, 1);
      assert.equal(await createRun(ledger, "TrainFlow"), "TrainFlow/2");
    });
  });

  test("counts that changed alone reach another process within a second, or when the ledger closes", async () => {
    const path = newPath();
    const listed = async (reader: SqliteLedger): Promise<number | undefined> =>
      (await reader.list({ limit: 1 })).items[0]?.counts.succeeded;
    await withLedger(path, async (reader) => {
      await withLedger(path, async (writer) => {
        const run = await createRun(writer, "TrainFlow");
        const counted = (succeeded: number) => indexOf(run, { counts: { ...noCounts, succeeded } });
        await writer.append(run, 1, [eventAt(2)], counted(1));
        assert.equal(await listed(writer), 1);
        while ((await listed(reader)) !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
        await writer.append(run, 2, [eventAt(3)], counted(2));
        await writer.append(run, 3, [eventAt(4)], counted(3));
      });
      assert.equal(await listed(reader), 3);
    });
  });

  test("late counts never replace what another process has written since", async () => {
    const path = newPath();
    await withLedger(path, async (taker) => {
      await withLedger(path, async (loser) => {
        const run = await createRun(loser, "TrainFlow");
        await loser.append(run, 1, [eventAt(2)], indexOf(run, { counts: { ...noCounts, running: 1 } }));
        await taker.append(run, 2, [eventAt(3)], indexOf(run, { status: "succeeded", finishedAtMs: 9 }));
      });
      assert.equal((await taker.list({ limit: 1 })).items[0]?.status, "succeeded");
    });
  });

  test("an append waits for another process's transaction without holding the event loop", async () => {
    const path = newPath();
    await withLedger(path, async (ledger) => {
      const run = await createRun(ledger, "TrainFlow");
      const other = new DatabaseSync(path);
      other.exec("BEGIN IMMEDIATE");
      const appended = ledger.append(run, 1, [eventAt(2)], indexOf(run));
      const order: string[] = [];
      const done = appended.then(() => order.push("appended"));
      // Fires although the append cannot go on.
      await new Promise((resolve) => setTimeout(resolve, 60));
      order.push("released");
      other.exec("ROLLBACK");
      await done;
      other.close();
      assert.deepEqual(order, ["released", "appended"]);
    });
  });
});

describe("SqliteLedger among several processes", () => {
  test("they create runs of one flow with different numbers, and each history is whole", async () => {
    const path = newPath();
    const body = `
      for (let i = 0; i < 15; i++) {
        const run = await make.createRun(ledger, "SharedFlow");
        for (let seq = 1; seq < 5; seq++) await ledger.append(run, seq, [make.eventAt(seq + 1)], make.indexOf(run));
        console.log(run);
      }`;
    const outputs = await Promise.all([1, 2, 3].map(() => inOtherProcess(path, body)));
    const runs = outputs.flatMap((output) => output.split("\n")) as RunId[];
    assert.equal(new Set(runs).size, 45);
    await withLedger(path, async (ledger) => {
      assert.equal((await ledger.list({ limit: 100 })).items.length, 45);
      for (const run of runs) assert.equal((await history(ledger, run)).length, 5);
    });
  });

  test("of appends to one run after the same number one is taken, whichever process it comes from", async () => {
    const path = newPath();
    await withLedger(path, async (ledger) => {
      const run = await createRun(ledger, "SharedFlow");
      const body = `
        let taken = 0;
        for (let after = 1; after < 60; ) {
          const outcome = await ledger.append(${JSON.stringify(run)}, after, [make.eventAt(after + 1)], make.indexOf(${JSON.stringify(run)}));
          if (outcome.kind === "appended") taken++;
          after = outcome.lastSeq;
        }
        console.log(taken);`;
      const taken = await Promise.all([1, 2, 3].map(() => inOtherProcess(path, body)));
      const events = await history(ledger, run);
      assert.equal(
        taken.map(Number).reduce((sum, count) => sum + count, 1),
        events.length,
      );
      assert.deepEqual(
        events.map(({ event }) => event.atMs),
        events.map((_, i) => i + 1),
      );
    });
  });

  test("of several that take over a dead process's run one wins, and all agree on it", async () => {
    const path = newPath();
    const run = await inOtherProcess(path, `console.log(await make.createRun(ledger, "OrphanFlow"));`);
    // Each stays alive until all have claimed: an owner whose process ended may be taken from rightly.
    const body = (id: string): string => `
      const winner = await ledger.claim(${JSON.stringify(run)}, make.ownerNamed(${JSON.stringify(id)}));
      console.log(winner.id);
      const { run: mark } = { run: await make.createRun(ledger, "DoneFlow") };
      while ((await ledger.list({ flow: "DoneFlow", limit: 9 })).total < 4) await new Promise((resolve) => setTimeout(resolve, 10));`;
    const winners = await Promise.all(["a", "b", "c", "d"].map((id) => inOtherProcess(path, body(id))));
    assert.equal(new Set(winners).size, 1);
    assert.match(winners.join(), /^([a-d])(,\1){3}$/);
  });

  test("a process that was given a dead owner's number is not taken for it", async () => {
    const path = newPath();
    await withLedger(path, async (ledger) => {
      const run = await createRun(ledger, "TrainFlow");
      assert.equal((await ledger.owner(run))?.id, "creator");
      tamper(path, "UPDATE owners SET start = replace(start, ':', ':9')");
      assert.equal(await ledger.owner(run), null);
      assert.equal((await ledger.claim(run, ownerNamed("next"))).id, "next");
    });
  });

  test("an owner on another host counts as alive", async () => {
    await withLedger(newPath(), async (ledger) => {
      const far = ownerNamed("far", { host: "elsewhere.example", pid: 1 });
      const { run } = await ledger.create({ flow: parseFlowName("FarFlow"), owner: far }, (run) => ({
        events: [eventAt(1)],
        index: indexOf(run),
      }));
      assert.deepEqual(await ledger.claim(run, ownerNamed("near")), far);
    });
  });
});

describe("SqliteLedger says what is wrong with its file", () => {
  test("a newer format is refused, and left alone", async () => {
    const path = newPath();
    await withLedger(path, async (ledger) => void (await createRun(ledger, "TrainFlow")));
    tamper(path, "PRAGMA user_version = 99");
    assert.throws(
      () => new SqliteLedger(path),
      isError("version", /written by a newer stepwell \(format 99; this one knows up to 2\): update/),
    );
    tamper(path, "PRAGMA user_version = 2");
    await withLedger(path, async (ledger) => assert.equal((await ledger.list({ limit: 1 })).total, 1));
  });

  test("a file of the first format gets what it lacks, and keeps its runs", async () => {
    const path = newPath();
    await withLedger(path, async (ledger) => void (await createRun(ledger, "TrainFlow")));
    tamper(path, "DROP TABLE submissions; PRAGMA user_version = 1");
    await withLedger(path, async (ledger) => {
      assert.equal((await ledger.list({ limit: 1 })).total, 1);
      assert.equal(await ledger.submitted("key"), null);
    });
  });

  test("a submission is known after a restart", async () => {
    const path = newPath();
    const beginning = { flow: parseFlowName("TrainFlow"), owner: ownerNamed("creator"), key: "key" };
    const first = (run: RunId) => ({ events: [eventAt(1)], index: indexOf(run) });
    for (const isNew of [true, false])
      await withLedger(path, async (ledger) => assert.deepEqual(await ledger.create(beginning, first), { run: "TrainFlow/1", isNew }));
  });

  test("a file that is something else is refused", () => {
    const path = newPath();
    mkdirSync(join(path, ".."));
    for (const content of ["hello", "x".repeat(5_000)]) {
      writeFileSync(path, content);
      assert.throws(
        () => new SqliteLedger(path),
        isError("corrupt", /is damaged or it is not a ledger; restore it from a backup, or move it away/),
      );
    }
  });

  test("a folder in its place, or a file in its folder's place, is refused", () => {
    const path = newPath();
    mkdirSync(path, { recursive: true });
    assert.throws(() => new SqliteLedger(path), isError("readOnly", /cannot be read/));
    const file = newPath();
    writeFileSync(join(file, ".."), "");
    assert.throws(() => new SqliteLedger(file), isError("readOnly", /its folder cannot be made .*choose a folder that you may write to/));
  });

  test("a log without its file is refused", () => {
    const path = newPath();
    mkdirSync(join(path, ".."));
    writeFileSync(`${path}-wal`, "x");
    assert.throws(() => new SqliteLedger(path), isError("corrupt", /ledger\.db is missing but its .*-wal is there/));
  });

  test("a read-only disk is told when the ledger is opened", async (t) => {
    await withTinyDisk(t, { sizeKiB: 1_024 }, async (disk) => {
      const path = join(disk, "ledger.db");
      await withLedger(path, async (ledger) => void (await createRun(ledger, "TrainFlow")));
      makeReadOnly(disk);
      assert.throws(() => new SqliteLedger(path), isError("readOnly", /cannot be written .*check the permissions/));
      assert.throws(() => new SqliteLedger(join(disk, "new", "ledger.db")), isError("readOnly", /its folder cannot be made/));
    });
  });

  test("on a full disk an append is refused as a whole, and goes on once there is space", async (t) => {
    await withTinyDisk(t, { sizeKiB: 1_024 }, async (disk) => {
      const path = join(disk, "ledger.db");
      const big = (seq: number) => ({ ...eventAt(seq), by: "x".repeat(20_000) });
      await withLedger(path, async (ledger) => {
        const run = await createRun(ledger, "TrainFlow");
        writeFileSync(join(disk, "ballast"), Buffer.alloc(400 * 1024));
        let lastSeq = 1;
        const fill = async (): Promise<void> => {
          for (;;) {
            const outcome = await ledger.append(run, lastSeq, [big(lastSeq + 1), big(lastSeq + 2)], indexOf(run));
            lastSeq = outcome.lastSeq;
          }
        };
        await assert.rejects(fill(), isError("full", /the disk is full, nothing was recorded; free some space and resume the run/));
        await assert.rejects(Promise.all([fill(), fill()]), isError("full", /the disk is full/));
        assert.equal((await history(ledger, run)).length, lastSeq);
        rmSync(join(disk, "ballast"));
        assert.equal((await ledger.append(run, lastSeq, [big(lastSeq + 1)], indexOf(run))).kind, "appended");
        assert.equal((await history(ledger, run)).length, lastSeq + 1);
      });
      await withLedger(path, async (ledger) => assert.ok((await history(ledger, parseRunId("TrainFlow/1"))).length > 3));
    });
  });
});
