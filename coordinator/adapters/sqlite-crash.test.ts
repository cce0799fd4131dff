// What was acknowledged outlives the process and, where a disk that can lose its power may be made, the machine.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { RunId } from "../../proto/ids.ts";
import { withPowerCutDisk } from "../../test/tiny-disk.ts";
import { createRun, eventAt, history, indexOf } from "../ports/ledger.conformance.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-crash-"));
after(() => rmSync(folder, { recursive: true }));

const urlOf = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);

/** Appends to five runs at once for as long as it lives, and prints each number once it is acknowledged. */
const appendForever = (path: string): string => `
  import { SqliteLedger } from ${urlOf("./sqlite-ledger.ts")};
  import { createRun, eventAt, indexOf } from ${urlOf("../ports/ledger.conformance.ts")};
  const ledger = new SqliteLedger(${JSON.stringify(path)});
  const fill = async () => {
    const run = await createRun(ledger, "CrashFlow");
    for (let seq = 1; ; seq++) {
      console.log(run, seq);
      await ledger.append(run, seq, [{ ...eventAt(seq + 1), by: "x".repeat(300) }], indexOf(run));
    }
  };
  await Promise.all([1, 2, 3, 4, 5].map(fill));`;

/** The same path in plain SQLite without syncing: shows that the power cut does take what was not synced. */
const appendUnsynced = (path: string): string => `
  import { DatabaseSync } from "node:sqlite";
  const database = new DatabaseSync(${JSON.stringify(path)});
  database.exec("PRAGMA journal_mode = WAL; CREATE TABLE events (seq INTEGER); PRAGMA wal_checkpoint(TRUNCATE); PRAGMA synchronous = OFF");
  for (let seq = 1; ; seq++) {
    database.exec("INSERT INTO events VALUES (" + seq + ")");
    console.log("CrashFlow/1", seq);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }`;

class Writer {
  readonly #child: ChildProcess;
  readonly acknowledged = new Map<RunId, number>();
  #wake: () => void = () => undefined;

  constructor(program: string) {
    this.#child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    let rest = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [run, seq] = line.split(" ");
        this.acknowledged.set(run as RunId, Number(seq));
      }
      this.#wake();
    });
  }

  total(): number {
    return [...this.acknowledged.values()].reduce((sum, seq) => sum + seq, 0);
  }

  async reaches(total: number): Promise<void> {
    while (this.total() < total) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.kill("SIGKILL");
    await closed;
  }
}

async function assertAllThere(path: string, acknowledged: ReadonlyMap<RunId, number>): Promise<void> {
  const ledger = new SqliteLedger(path);
  try {
    for (const [run, seq] of acknowledged) {
      const events = await history(ledger, run);
      assert.ok(events.length >= seq, `${run}: ${seq} acknowledged, ${events.length} there`);
      for (const recorded of events) assert.equal(recorded.event.atMs, recorded.seq);
    }
  } finally {
    await ledger.close();
  }
}

describe("a ledger after a crash", () => {
  test("kill -9 at any moment loses nothing that was acknowledged, and the next process goes on", async () => {
    const path = join(folder, "killed", "ledger.db");
    const all = new Map<RunId, number>();
    for (const until of [6, 40, 300, 1_500, 4_000]) {
      const writer = new Writer(appendForever(path));
      await writer.reaches(until);
      await writer.kill();
      for (const [run, seq] of writer.acknowledged) all.set(run, seq);
      await assertAllThere(path, all);
    }
    assert.ok(all.size >= 25 - 4, "each round made its own runs");
    const ledger = new SqliteLedger(path);
    for (const run of all.keys()) assert.equal(await ledger.owner(run), null);
    const run = await createRun(ledger, "CrashFlow");
    assert.equal((await ledger.append(run, 1, [eventAt(2)], indexOf(run))).kind, "appended");
    await ledger.close();
  });

  test("a power cut at any moment loses nothing that was acknowledged", async (t) => {
    await withPowerCutDisk(t, async (disk) => {
      const writer = new Writer(appendForever(join(disk.folder, "ledger.db")));
      try {
        for (const until of [10, 200, 1_000, 3_000, 6_000]) {
          await writer.reaches(until);
          // What it has said by now must survive; what it still says before it stops may.
          const acknowledged = new Map(writer.acknowledged);
          writer.signal("SIGSTOP");
          await disk.afterPowerCut((found) => assertAllThere(join(found, "ledger.db"), acknowledged));
          writer.signal("SIGCONT");
        }
      } finally {
        await writer.kill();
      }
    });
  });

  test("control: the same power cut takes commits that were not synced", async (t) => {
    await withPowerCutDisk(t, async (disk) => {
      const writer = new Writer(appendUnsynced(join(disk.folder, "ledger.db")));
      try {
        await writer.reaches(100);
        writer.signal("SIGSTOP");
        const { DatabaseSync } = await import("node:sqlite");
        await disk.afterPowerCut(async (found) => {
          const database = new DatabaseSync(join(found, "ledger.db"));
          assert.ok(Number(database.prepare("SELECT count(*) AS count FROM events").get()?.["count"]) < 100);
          database.close();
        });
      } finally {
        await writer.kill();
      }
    });
  });

  test("opening a ledger that another process is writing never takes its unfinished writes for damage", async () => {
    const path = join(folder, "shared", "ledger.db");
    const writer = new Writer(appendForever(path));
    try {
      await writer.reaches(10);
      // Long enough for the writer to begin its log anew several times.
      for (let goal = 500; goal <= 12_000; goal += 500) {
        const ledger = new SqliteLedger(path);
        assert.equal((await ledger.list({ limit: 9 })).total, 5);
        await ledger.close();
        await writer.reaches(goal);
      }
    } finally {
      await writer.kill();
    }
  });
});
