import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { CoordinatorItem } from "../../sdk/wire/worker-items.ts";
import type { WorkerStream } from "../../sdk/wire/worker-stream.ts";
import { House, settle } from "../../test/coordinator/harness.ts";
import { hello } from "../../test/coordinator/hello.ts";
import type { Coordinator } from "../main.ts";

type Linked = { readonly coordinator: Coordinator; readonly stream: WorkerStream; readonly heard: readonly string[] };

async function linked(context: TestContext): Promise<Linked> {
  const house = await House.open(context);
  const coordinator = await house.start({ listen: null });
  const heard: string[] = [];
  const stream = coordinator.link({
    onItems: (items: readonly CoordinatorItem[]) => heard.push(...items.map((item) => item.kind)),
    onEnd: ({ reason, refused }) => heard.push(`end: ${reason}, ${refused ? "refused" : "again"}`),
  });
  return { coordinator, stream, heard };
}

test("items arrive in order, and never within the call that sends them (K1)", async (context) => {
  const { stream, heard } = await linked(context);
  stream.send({ kind: "hello", hello });
  stream.send({ kind: "outcome", of: { run: "NoFlow/1", task: "start/0", attempt: 0, lease: 1 }, outcome: new Uint8Array() });
  assert.deepEqual(heard, []);
  await settle();
  assert.deepEqual(heard, ["welcome", "accepted"]);
});

test("a worker that is refused is told why, once, and heard no more (K2)", async (context) => {
  const { stream, heard } = await linked(context);
  stream.send({ kind: "beat", held: [] });
  stream.send({ kind: "hello", hello });
  await settle();
  stream.send({ kind: "hello", hello });
  await settle();
  assert.deepEqual(heard, ["end: a worker says hello first, not beat, refused"]);
});

test("a worker that has ended its link hears nothing more (K2)", async (context) => {
  const { stream, heard } = await linked(context);
  stream.send({ kind: "hello", hello });
  stream.close();
  await settle();
  assert.deepEqual(heard, []);
});

test("a coordinator that closes ends its links", async (context) => {
  const { coordinator, stream, heard } = await linked(context);
  stream.send({ kind: "hello", hello });
  await settle();
  await coordinator.close();
  await settle();
  assert.deepEqual(heard, ["welcome", "end: the coordinator has closed, again"]);
});
