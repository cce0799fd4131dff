// What every ledger must do. An adapter's own test file names itself and says how to open one.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { after, before, describe, test } from "node:test";
import type { RunsQuery } from "../../proto/control.ts";
import type { RecordedEvent, RunEvent } from "../../proto/event.ts";
import { parseFlowName, parseRunId, type RunId } from "../../proto/ids.ts";
import type { TaskCounts } from "../../proto/view.ts";
import { LedgerError, type Ledger, type Owner, type RunIndex } from "./ledger.ts";

export const noCounts: TaskCounts = {
  ready: 0,
  running: 0,
  waiting: 0,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  caught: 0,
  reused: 0,
  retried: 0,
};

export function eventAt(atMs: number): RunEvent {
  return { kind: "cancelRequested", atMs, by: `somebody at ${atMs}` };
}

export function indexOf(run: RunId, change: Partial<RunIndex> = {}): RunIndex {
  const flow = parseFlowName(run.slice(0, run.indexOf("/")));
  return {
    run,
    flow,
    status: "running",
    user: "ada",
    namespace: "user:ada",
    tags: [],
    systemTags: ["user:ada"],
    submittedAtMs: 1_000,
    finishedAtMs: null,
    originRun: null,
    counts: noCounts,
    ...change,
  };
}

export function ownerNamed(id: string, change: Partial<Owner> = {}): Owner {
  return { id, pid: process.pid, host: hostname(), address: `unix:/${id}.sock`, ...change };
}

export async function createRun(ledger: Ledger, flow: string, change: Partial<RunIndex> = {}): Promise<RunId> {
  const beginning = { flow: parseFlowName(flow), owner: ownerNamed("creator") };
  return (await ledger.create(beginning, (run) => ({ events: [eventAt(1)], index: indexOf(run, change) }))).run;
}

export async function history(ledger: Ledger, run: RunId, afterSeq = 0): Promise<RecordedEvent[]> {
  return await Array.fromAsync(ledger.read(run, afterSeq));
}

const isProblem = (problem: string) => (error: unknown) => error instanceof LedgerError && error.problem === problem;

/** `open` gives an empty ledger; the suite closes it. */
export function describeLedger(name: string, open: () => Promise<Ledger>): void {
  describe(`${name} as a ledger`, () => {
    let ledger: Ledger;
    before(async () => {
      ledger = await open();
    });
    after(() => ledger.close());

    const list = async (query: Partial<RunsQuery>): Promise<string[]> =>
      (await ledger.list({ limit: 100, ...query })).items.map(({ run }) => run);

    test("runs of a flow are numbered from 1, and each flow counts for itself", async () => {
      assert.equal(await createRun(ledger, "NumberFlow"), "NumberFlow/1");
      assert.equal(await createRun(ledger, "NumberFlow"), "NumberFlow/2");
      assert.equal(await createRun(ledger, "OtherNumberFlow"), "OtherNumberFlow/1");
    });

    test("a submission that throws leaves nothing behind, not even a gap in the numbers", async () => {
      const flow = parseFlowName("ThrowFlow");
      await assert.rejects(
        ledger.create({ flow, owner: ownerNamed("a") }, () => {
          throw new RangeError("no such graph");
        }),
        RangeError,
      );
      assert.deepEqual(await list({ flow }), []);
      assert.equal(await createRun(ledger, "ThrowFlow"), "ThrowFlow/1");
    });

    test("one that throws takes no concurrent one with it", async () => {
      const flow = parseFlowName("NeighbourFlow");
      const failing = ledger.create({ flow, owner: ownerNamed("a") }, () => {
        throw new RangeError("no");
      });
      const [good, bad, alsoGood] = await Promise.allSettled([createRun(ledger, flow), failing, createRun(ledger, flow)]);
      assert.equal(bad.status, "rejected");
      const created = [good, alsoGood].flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      assert.deepEqual(new Set(created), new Set(["NeighbourFlow/1", "NeighbourFlow/2"]));
    });

    test("a submission with a key is one run, however often and by how many at once it is asked for", async () => {
      const flow = parseFlowName("KeyFlow");
      const submit = (key: string) =>
        ledger.create({ flow, owner: ownerNamed("creator"), key }, (run) => ({ events: [eventAt(1)], index: indexOf(run) }));
      assert.equal(await ledger.submitted("key-1"), null);
      const all = await Promise.all([submit("key-1"), submit("key-1"), submit("key-2")]);
      assert.deepEqual(all, [
        { run: "KeyFlow/1", isNew: true },
        { run: "KeyFlow/1", isNew: false },
        { run: "KeyFlow/2", isNew: true },
      ]);
      assert.deepEqual(await submit("key-1"), { run: "KeyFlow/1", isNew: false });
      assert.deepEqual([await ledger.submitted("key-1"), await ledger.submitted("key-2")], ["KeyFlow/1", "KeyFlow/2"]);
      assert.deepEqual(await list({ flow }), ["KeyFlow/2", "KeyFlow/1"]);
      assert.equal(await createRun(ledger, "KeyFlow"), "KeyFlow/3");
    });

    test("what was appended is read back equal, in order, numbered from 1", async () => {
      const run = await createRun(ledger, "ReadFlow");
      const events: RunEvent[] = [eventAt(2), { kind: "tagsChanged", atMs: 3, by: "ü\u0000\ud83d\ude00\u2028", add: ["a"], remove: [] }];
      assert.deepEqual(await ledger.append(run, 1, events, indexOf(run)), { kind: "appended", lastSeq: 3 });
      assert.deepEqual(
        await history(ledger, run),
        [eventAt(1), ...events].map((event, i) => ({ seq: i + 1, event })),
      );
    });

    test("reading goes on after the given number, and ends at once after the last", async () => {
      const run = await createRun(ledger, "TailFlow");
      const events = Array.from({ length: 1_600 }, (_, i) => eventAt(i + 2));
      await ledger.append(run, 1, events, indexOf(run));
      for (const afterSeq of [0, 1, 499, 500, 501, 999, 1_000, 1_001, 1_600]) {
        const seqs = (await history(ledger, run, afterSeq)).map(({ seq }) => seq);
        assert.deepEqual(
          seqs,
          Array.from({ length: 1_601 - afterSeq }, (_, i) => afterSeq + 1 + i),
        );
      }
      assert.deepEqual(await history(ledger, run, 1_601), []);
    });

    test("an append after any number but the last is a conflict that tells the last, and records nothing", async () => {
      const run = await createRun(ledger, "ConflictFlow");
      await ledger.append(run, 1, [eventAt(2)], indexOf(run));
      for (const after of [0, 1, 3]) {
        assert.deepEqual(await ledger.append(run, after, [eventAt(9)], indexOf(run, { status: "failed" })), {
          kind: "conflict",
          lastSeq: 2,
        });
      }
      assert.equal((await history(ledger, run)).length, 2);
      assert.deepEqual((await ledger.list({ flow: parseFlowName("ConflictFlow"), limit: 1 })).items[0]?.status, "running");
    });

    test("of concurrent appends after the same number exactly one is taken", async () => {
      const run = await createRun(ledger, "RaceFlow");
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, i) => ledger.append(run, 1, [eventAt(i)], indexOf(run))));
      assert.equal(outcomes.filter(({ kind }) => kind === "appended").length, 1);
      assert.equal((await history(ledger, run)).length, 2);
    });

    test("appends sent one after another without waiting are taken in that order", async () => {
      const run = await createRun(ledger, "PipelineFlow");
      const outcomes = await Promise.all(Array.from({ length: 50 }, (_, i) => ledger.append(run, i + 1, [eventAt(i + 2)], indexOf(run))));
      assert.deepEqual(
        outcomes,
        Array.from({ length: 50 }, (_, i) => ({ kind: "appended", lastSeq: i + 2 })),
      );
      assert.deepEqual(
        (await history(ledger, run)).map(({ event }) => event.atMs),
        Array.from({ length: 51 }, (_, i) => i + 1),
      );
    });

    test("concurrent appends to many runs all arrive, each in its own history", async () => {
      const runs = await Promise.all(Array.from({ length: 40 }, () => createRun(ledger, "ManyFlow")));
      assert.equal(new Set(runs).size, 40);
      const fill = async (run: RunId, i: number): Promise<void> => {
        for (let seq = 1; seq <= 10; seq++) await ledger.append(run, seq, [eventAt(i * 100 + seq)], indexOf(run));
      };
      await Promise.all(runs.map(fill));
      for (const [i, run] of runs.entries()) {
        const times = (await history(ledger, run, 1)).map(({ event }) => event.atMs);
        assert.deepEqual(
          times,
          Array.from({ length: 10 }, (_, seq) => i * 100 + seq + 1),
        );
      }
    });

    test("a run that was never created is not found, whatever is asked of it", async () => {
      const run = parseRunId("NowhereFlow/7");
      await assert.rejects(history(ledger, run), isProblem("notFound"));
      await assert.rejects(ledger.append(run, 0, [eventAt(1)], indexOf(run)), isProblem("notFound"));
      await assert.rejects(ledger.claim(run, ownerNamed("a")), isProblem("notFound"));
      await assert.rejects(ledger.owner(run), isProblem("notFound"));
    });

    describeListing(() => ledger);
    describeClaims(() => ledger);
  });
}

function describeListing(ledger: () => Ledger): void {
  const flow = parseFlowName("ListFlow");
  const list = async (query: Partial<RunsQuery>): Promise<string[]> =>
    (await ledger().list({ flow, limit: 100, ...query })).items.map(({ run }) => run.replace("ListFlow/", ""));

  before(async () => {
    await createRun(ledger(), flow, { status: "succeeded", submittedAtMs: 100, tags: ["nightly", "v1"] });
    await createRun(ledger(), flow, { status: "failed", submittedAtMs: 200, tags: ["nightly"], user: "bob", systemTags: ["user:bob"] });
    await createRun(ledger(), flow, { status: "running", submittedAtMs: 300, tags: ["user:bob"] });
    await createRun(ledger(), flow, { status: "pending", submittedAtMs: 400 });
  });

  test("the list is newest first and filtered by each condition, all of which must hold", async () => {
    assert.deepEqual(await list({}), ["4", "3", "2", "1"]);
    assert.deepEqual(await list({ status: ["failed", "pending"] }), ["4", "2"]);
    assert.deepEqual(await list({ status: [] }), []);
    assert.deepEqual(await list({ user: "bob" }), ["2"]);
    assert.deepEqual(await list({ sinceMs: 200, untilMs: 400 }), ["3", "2"]);
    assert.deepEqual(await list({ tags: ["nightly"] }), ["2", "1"]);
    assert.deepEqual(await list({ tags: ["nightly", "v1"] }), ["1"]);
    assert.deepEqual(await list({ tags: ["night"] }), []);
    assert.deepEqual(await list({ tags: ["nightly"], status: ["failed"], user: "bob", sinceMs: 150 }), ["2"]);
  });

  test("a namespace holds the runs that carry it as a user or a system tag; null holds all", async () => {
    assert.deepEqual(await list({ namespace: "user:bob" }), ["3", "2"]);
    assert.deepEqual(await list({ namespace: "user:ada" }), ["4", "3", "1"]);
    assert.deepEqual(await list({ namespace: null }), ["4", "3", "2", "1"]);
  });

  test("what is asked for within a namespace is the runs that began in it, whatever their tags say", async () => {
    const within = { namespace: "team", tags: ["user:ada"], systemTags: ["team:other"] };
    const own = await createRun(ledger(), parseFlowName("WithinFlow"), within);
    await createRun(ledger(), parseFlowName("WithinFlow"), { tags: ["team"], systemTags: ["team"] });
    const found = async (query: Partial<RunsQuery>): Promise<string[]> =>
      (await ledger().list({ limit: 100, ...query })).items.map(({ run }) => run);
    assert.deepEqual(await found({ within: "team" }), [own]);
    assert.deepEqual(await found({ within: "team", namespace: "user:ada" }), [own]);
    assert.deepEqual(await found({ within: "team", namespace: "team" }), []);
    await ledger().append(own, 1, [eventAt(2)], indexOf(own, { ...within, tags: [] }));
    assert.deepEqual(await found({ within: "team" }), [own]);
    assert.deepEqual(await ledger().flows(null, "team"), ["WithinFlow"]);
    assert.deepEqual(await ledger().flows("user:ada", "team"), []);
    assert.deepEqual(await ledger().flows(null, "nobody"), []);
  });

  test("the flows are named once, in alphabetical order, those of a namespace or all", async () => {
    await createRun(ledger(), parseFlowName("AnotherFlow"), { tags: ["user:eve"] });
    assert.deepEqual(await ledger().flows("user:bob"), ["ListFlow"]);
    assert.deepEqual(await ledger().flows("user:eve"), ["AnotherFlow"]);
    assert.deepEqual(await ledger().flows("user:nobody"), []);
    const all = await ledger().flows(null);
    assert.deepEqual(
      all.filter((name) => name === "ListFlow" || name === "AnotherFlow"),
      ["AnotherFlow", "ListFlow"],
    );
    assert.deepEqual(all, [...new Set(all)].sort());
  });

  test("pages follow each other without a gap or a repetition while runs are added", async () => {
    const paged = parseFlowName("PageFlow");
    for (let i = 0; i < 7; i++) await createRun(ledger(), paged);
    const first = await ledger().list({ flow: paged, limit: 3 });
    await createRun(ledger(), paged);
    const second = await ledger().list({ flow: paged, limit: 3, cursor: first.next! });
    const third = await ledger().list({ flow: paged, limit: 3, cursor: second.next! });
    assert.deepEqual(
      [first, second, third].map((page) => page.items.map(({ run }) => run.replace("PageFlow/", ""))),
      [["7", "6", "5"], ["4", "3", "2"], ["1"]],
    );
    assert.equal(third.next, null);
    assert.deepEqual([first.total, second.total], [7, 8]);
  });

  test("a page that holds exactly the rest is the last", async () => {
    assert.equal((await ledger().list({ flow, limit: 4 })).next, null);
    assert.notEqual((await ledger().list({ flow, limit: 3 })).next, null);
  });

  test("a cursor that no page gave is refused", async () => {
    await assert.rejects(ledger().list({ flow, limit: 3, cursor: "nonsense" }), isProblem("cursor"));
  });

  test("an append replaces the run's line: status, tags and times at once, counts for whoever asks this ledger", async () => {
    const changed = parseFlowName("ChangeFlow");
    const run = await createRun(ledger(), changed, { tags: ["old", "stays"] });
    const index = indexOf(run, { tags: ["stays", "new"], counts: { ...noCounts, running: 1 } });
    await ledger().append(run, 1, [eventAt(2)], index);
    assert.deepEqual((await ledger().list({ tags: ["new", "stays"], flow: changed, limit: 9 })).items, [index]);
    assert.deepEqual((await ledger().list({ tags: ["old"], flow: changed, limit: 9 })).items, []);
    const counted = { ...index, counts: { ...noCounts, succeeded: 1 } };
    await ledger().append(run, 2, [eventAt(3)], counted);
    assert.deepEqual((await ledger().list({ flow: changed, limit: 9 })).items, [counted]);
    const done = { ...counted, status: "succeeded" as const, finishedAtMs: 5 };
    await ledger().append(run, 3, [eventAt(4)], done);
    assert.deepEqual((await ledger().list({ status: ["succeeded"], flow: changed, limit: 9 })).items, [done]);
    assert.deepEqual((await ledger().list({ status: ["running"], flow: changed, limit: 9 })).items, []);
  });
}

function describeClaims(ledger: () => Ledger): void {
  test("whoever creates a run owns it; nobody else takes it while that process lives", async () => {
    const run = await createRun(ledger(), "ClaimFlow");
    assert.deepEqual(await ledger().owner(run), ownerNamed("creator"));
    assert.deepEqual(await ledger().claim(run, ownerNamed("other")), ownerNamed("creator"));
    assert.deepEqual(await ledger().owner(run), ownerNamed("creator"));
  });

  test("the owner may claim again, which renews its address", async () => {
    const run = await createRun(ledger(), "ClaimFlow");
    const moved = ownerNamed("creator", { address: "unix:/moved.sock" });
    assert.deepEqual(await ledger().claim(run, moved), moved);
    assert.deepEqual(await ledger().owner(run), moved);
  });

  test("a released run is free; a release by somebody else changes nothing", async () => {
    const run = await createRun(ledger(), "ClaimFlow");
    await ledger().release(run, ownerNamed("other"));
    assert.deepEqual(await ledger().owner(run), ownerNamed("creator"));
    await ledger().release(run, ownerNamed("creator"));
    assert.equal(await ledger().owner(run), null);
    assert.deepEqual(await ledger().claim(run, ownerNamed("other")), ownerNamed("other"));
  });

  test("a run whose owner's process has ended is taken over, by one of all who try", async () => {
    const { pid } = spawnSync(process.execPath, ["-e", "0"]);
    const dead = ownerNamed("dead", { pid });
    const flow = parseFlowName("DeadFlow");
    const { run } = await ledger().create({ flow, owner: dead }, (run) => ({ events: [eventAt(1)], index: indexOf(run) }));
    assert.equal(await ledger().owner(run), null);
    const owners = await Promise.all(["a", "b", "c"].map((id) => ledger().claim(run, ownerNamed(id))));
    assert.equal(new Set(owners.map(({ id }) => id)).size, 1);
    assert.deepEqual(await ledger().owner(run), owners[0]);
  });
}
