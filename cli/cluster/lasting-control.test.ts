import assert from "node:assert/strict";
import { test } from "node:test";
import type { CollectRequest } from "../../proto/collect.ts";
import { ControlError, type Asker, type Control } from "../../proto/control.ts";
import type { RecordedEvent } from "../../proto/event.ts";
import { parseTaskId, runIdOf, parseFlowName } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import { lastingControl } from "./lasting-control.ts";

const run = runIdOf(parseFlowName("LostFlow"), 1);
const lost = new ControlError("unreachable", "the connection dropped");

function event(seq: number): RecordedEvent {
  return { seq, event: { kind: "runStarted", atMs: seq } };
}

function line(task: string, text: string): LogLine {
  return { run, task: parseTaskId(task), attempt: 0, stream: "stdout", atMs: 0, text };
}

/** A coordinator whose answers are played from a list: one for each question, of any kind. An error in a list breaks it off. */
function played(answers: readonly (readonly unknown[])[]): { readonly control: Control; readonly asked: unknown[][] } {
  const asked: unknown[][] = [];
  const next = (question: unknown[]): readonly unknown[] => {
    asked.push(question);
    return answers[asked.length - 1] ?? assert.fail(`nobody expected ${String(question)}`);
  };
  const once = (...question: unknown[]): Promise<never> => {
    const [answer] = next(question);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as never);
  };
  async function* follow(...question: unknown[]): AsyncGenerator<never> {
    for (const item of next(question)) {
      if (item instanceof Error) throw item;
      yield item as never;
    }
  }
  const methods: readonly (keyof Control)[] = ["submit", "cancel", "drainWorker", "collect", "run", "blobPlaces"];
  const calls = Object.fromEntries(methods.map((name) => [name, (...args: unknown[]) => once(name, ...args)]));
  const follows = { events: (...args: unknown[]) => follow("events", ...args), logs: (...args: unknown[]) => follow("logs", ...args) };
  // Only what the tests ask for.
  return { control: { ...calls, ...follows } as unknown as Control, asked };
}

function lasting(answers: readonly (readonly unknown[])[], patient = false) {
  const { control, asked } = played(answers);
  const told: string[] = [];
  const connection = { onAway: (reason: string) => void told.push(reason), onBack: () => void told.push("back"), patient };
  return { control: lastingControl(control, connection), asked, told };
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const taken: T[] = [];
  for await (const item of items) taken.push(item);
  return taken;
}

test("events that were cut off go on after the last one, each once (L2)", async () => {
  const { control, asked, told } = lasting([[event(1), event(2), lost], [lost], [[]], [event(2), event(3)]]);
  assert.deepEqual(await all(control.events(run, 0)), [event(1), event(2), event(3)]);
  assert.deepEqual(
    asked.map(([name, , after]) => [name, after]),
    [
      ["events", 0],
      ["blobPlaces", undefined],
      ["blobPlaces", undefined],
      ["events", 2],
    ],
  );
  assert.deepEqual(told, [lost.message, "back"]);
});

test("lines that were cut off are followed from the beginning again, and each comes once (L2)", async () => {
  const [a, b, c, d] = [line("train/0", "1"), line("train/1", "1"), line("train/0", "1"), line("train/1", "2")];
  const { control } = lasting([[a, b, lost], [[]], [b, a, c, d]]);
  assert.deepEqual(await all(control.logs({ run, follow: true })), [a, b, c, d]);
});

test("a question is asked again once the coordinator has answered before, and is not where it never has (L3)", async () => {
  const { control, told } = lasting([["one"], [lost], ["two"]]);
  assert.equal(await control.run(run), "one");
  assert.equal(await control.run(run), "two");
  assert.deepEqual(told, [lost.message, "back"]);
  await assert.rejects(lasting([[lost]]).control.run(run), lost);
});

test("what changes something is asked again with the key that it had (L1)", async () => {
  const { control, asked } = lasting([["view"], [lost], [lost], [undefined], [lost], ["report"]]);
  await control.run(run);
  await control.cancel(run, { by: "ada" });
  const askers = asked.slice(1).map(([, , asker]) => asker as Asker);
  assert.match(askers[0]?.key ?? "", /^[0-9a-f-]{36}$/);
  for (const asker of askers) assert.deepEqual(asker, { by: "ada", key: askers[0]?.key });
  assert.equal(askers.length, 3);
  const retention = { keepDays: 1, keepLast: null, keepTags: [], namespace: null };
  assert.equal(await control.collect({ retention, keepLogs: false, dryRun: false, by: "ada" }), "report");
  const [first, second] = asked.slice(4).map(([, request]) => request as CollectRequest);
  assert.match(first?.key ?? "", /^[0-9a-f-]{36}$/);
  assert.deepEqual(first, second);
});

test("a drain is asked again, and a worker that has left meanwhile is no error; one that was never there is (L1)", async () => {
  const gone = new ControlError("notFound", "there is no worker w-1");
  const { control, asked } = lasting([["view"], [lost], [gone], [gone]]);
  await control.run(run);
  await control.drainWorker("w-1", "ada", null);
  assert.equal(asked.length, 3);
  await assert.rejects(control.drainWorker("w-1", "ada", null), gone);
});

test("what the coordinator itself answers is passed on as it is", async () => {
  const refusal = new ControlError("notFound", "there is no such run");
  const { control, told } = lasting([["view"], [refusal]]);
  await control.run(run);
  await assert.rejects(control.run(run), refusal);
  assert.deepEqual(told, []);
});

test("one that has never answered is waited for only by who has patience (L3)", async () => {
  const hasty = lasting([[lost]]);
  await assert.rejects(hasty.control.run(run), lost);
  assert.deepEqual(hasty.told, []);
  const patient = lasting([[lost], [lost], ["the run"]], true);
  assert.equal(await patient.control.run(run), "the run");
  assert.deepEqual(patient.told, ["the connection dropped", "back"]);
});
