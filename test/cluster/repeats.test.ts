// Requests that were carried out although nobody heard so: asked again, they are carried out once.

import assert from "node:assert/strict";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { ControlError, type Control } from "../../proto/control.ts";
import type { RunId } from "../../proto/ids.ts";
import { lastingControl } from "../../cli/cluster/lasting-control.ts";
import { openRemote } from "../../cli/cluster/remote.ts";
import { parseAddress } from "../../sdk/wire/address.ts";
import { linear, submission } from "../coordinator/graphs.ts";
import { House } from "../coordinator/harness.ts";
import { openBorder } from "../security/border.ts";

const graph = linear(["start", "end"]);

/** Between a client and a coordinator, as a network is. */
class Line {
  readonly address: string;
  readonly #sockets = new Set<Socket>();
  #mute = false;

  static async open(context: TestContext, target: string): Promise<Line> {
    const to = parseAddress(target);
    if (to.kind === "socket") throw new Error("a port is needed");
    const server = createServer({ allowHalfOpen: true });
    const line: Line = await new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(new Line(`127.0.0.1:${(server.address() as AddressInfo).port}`)));
    });
    server.on("connection", (near) => line.#join(near, connect(to.port, to.host)));
    context.after(() => {
      line.cut();
      server.close();
    });
    return line;
  }

  private constructor(address: string) {
    this.address = address;
  }

  /** What the coordinator says from now on is lost. */
  mute(): void {
    this.#mute = true;
  }

  /** Ends what is connected; others may connect. */
  cut(): void {
    this.#mute = false;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #join(near: Socket, far: Socket): void {
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
    }
    near.on("data", (bytes) => far.write(bytes));
    far.on("data", (bytes) => {
      if (!this.#mute) near.write(bytes);
    });
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a connection that dies after a request was carried out makes nothing happen twice", { timeout: 30_000 }, async (context) => {
  const { coordinator, house, token } = await openBorder(context, { tls: "off" });
  const line = await Line.open(context, coordinator.address);
  const remote = openRemote({ address: line.address, token: token({ role: "admin" }) });
  context.after(() => remote.close());
  const own = coordinator.control;
  /** Asks, loses the answer once `done` holds, and has what is answered in the end. */
  const losing = async <T>(ask: (control: Control) => Promise<T>, done: () => Promise<boolean>): Promise<T> => {
    await remote.control.flows(null); // L3: it has answered before.
    line.mute();
    const answer = ask(remote.control);
    await until(done);
    line.cut();
    return answer;
  };
  const total = async (): Promise<number> => (await own.runs({ limit: 0 })).total ?? 0;
  const run = await losing(
    (control) => control.submit(submission(graph)),
    async () => (await total()) === 1,
  );
  assert.equal(run, "Linear/1");
  assert.equal(await total(), 1);

  const change = { add: ["good"], remove: [] };
  const tags = await losing(
    (control) => control.tag(run, { by: "ada" }, change),
    async () => (await own.run(run)).tags.includes("good"),
  );
  assert.deepEqual(tags, ["good"]);

  // It has ended by the time it is asked to end again.
  await losing(
    (control) => control.cancel(run, { by: "ada" }),
    async () => (await own.run(run)).status === "cancelled",
  );
  await assert.rejects(own.cancel(run, { by: "ada" }), { code: "conflict" });

  // What is made ready again has been cancelled again by the time it is asked for again.
  await losing(
    (control) => control.retry(run, { by: "ada" }, null),
    async () => {
      if ((await own.run(run)).status !== "running") return false;
      await own.cancel(run, { by: "eve" });
      return true;
    },
  );
  assert.equal((await own.run(run)).status, "cancelled");
  const changes = (await house.kinds(run)).filter((kind) => /tags|cancel|retryRequested/.test(kind));
  assert.deepEqual(changes, ["tagsChanged", "cancelRequested", "retryRequested", "cancelRequested"]);
});

test("a submission is known to the coordinator after the one that carried it out", async (context) => {
  const house = await House.open(context);
  const first = await house.start();
  const request = { ...submission(graph), key: "one" };
  const run = await first.control.submit(request);
  await first.close();
  const second = await house.start({ name: "c2", adoptUnfinished: true });
  assert.equal(await second.control.submit(request), run);
  assert.notEqual(await second.control.submit({ ...request, key: "two" }), run);
  await assert.rejects(second.control.submit({ ...request, namespace: "user:eve" }), {
    code: "conflict",
    message: /the key "one" belongs to another submission/,
  });
});

test("a token at its limit of runs is told which run it began with its last one", { timeout: 30_000 }, async (context) => {
  const { client, token } = await openBorder(context);
  const one = client({ token: token({ role: "runner" }) });
  const request = { ...submission(graph), key: "last" };
  const run = await one.submit(request);
  // 1000 may be under way at once.
  for (let more = 1; more < 1000; more += 1) await one.submit(submission(graph));
  await assert.rejects(one.submit(submission(graph)), { code: "conflict" });
  assert.equal(await one.submit(request), run);
});

/** xorshift: the same seed, the same numbers. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** One call in twenty is lost: on its way there, or on its way back. */
function ambiguous(control: Control, random: () => number): { readonly control: Control; lost(): number } {
  let lost = 0;
  const losing =
    <A extends readonly unknown[], T>(ask: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      const chance = random();
      const break_ = (): never => {
        lost += 1;
        throw new ControlError("unreachable", "the connection broke");
      };
      if (chance < 0.025) break_();
      const answer = await ask(...args);
      return chance < 0.05 ? break_() : answer;
    };
  const { submit, cancel, retry, tag, flows } = control;
  const ambiguously = {
    submit: losing(submit.bind(control)),
    cancel: losing(cancel.bind(control)),
    retry: losing(retry.bind(control)),
    tag: losing(tag.bind(control)),
    flows: flows.bind(control),
  };
  // Only what the test asks for.
  return { control: ambiguously as unknown as Control, lost: () => lost };
}

const seed = Number(process.env["SEED"] ?? 20_241);

test(`whatever 5 % of the answers are lost, each change is made once (SEED=${seed})`, { timeout: 60_000 }, async (context) => {
  const house = await House.open(context);
  const coordinator = await house.start();
  const random = randomFrom(seed);
  const { control: flaky, lost } = ambiguous(coordinator.control, random);
  const control = lastingControl(flaky, { onAway: null, onBack: null });
  await control.flows(null); // What has never answered is not waited for.
  const expected = new Map<RunId, string[]>();
  // Each on its own run, all at once: the waits before a question is asked again are the same for all.
  await Promise.all(
    Array.from({ length: 60 }, async () => {
      const run = await control.submit(submission(graph));
      const changes: string[] = [];
      expected.set(run, changes);
      for (let tries = 0; tries < 6; tries += 1) {
        const { status } = await coordinator.control.run(run);
        if (random() < 0.3) {
          await control.tag(run, { by: "ada" }, { add: [`tag-${tries}`], remove: [] });
          changes.push("tagsChanged");
        } else if (status === "cancelled") {
          await control.retry(run, { by: "ada" }, null);
          changes.push("retryRequested");
        } else {
          await control.cancel(run, { by: "ada" });
          changes.push("cancelRequested");
        }
      }
    }),
  );
  context.diagnostic(`${lost()} answers were lost`);
  assert.ok(lost() > 5);
  assert.equal((await coordinator.control.runs({ limit: 0 })).total, 60);
  for (const [run, changes] of expected) {
    const made = (await house.kinds(run)).filter((kind) => /tags|cancel|retryRequested/.test(kind));
    assert.deepEqual(made, changes, run);
  }
});
