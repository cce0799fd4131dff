// What is open under a token: workers and followers, who may open them, and what ends them.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { test, type TestContext } from "node:test";
import { Client, credentials, Metadata, status as grpcStatus, type StatusObject } from "@grpc/grpc-js";
import type { Until } from "../../proto/control.ts";
import type { RunId } from "../../proto/ids.ts";
import type { TokenRequest } from "../../proto/token.ts";
import { ProtoWriter } from "../../sdk/wire/proto-writer.ts";
import { connectMethod, controlService, writeControlRequest } from "../../sdk/wire/services.ts";
import { writeWorkerItem } from "../../sdk/wire/worker-codec.ts";
import { linear, step, submission, succeeded } from "../coordinator/graphs.ts";
import { settle } from "../coordinator/harness.ts";
import { hello } from "../coordinator/hello.ts";
import { SimulatedWorker, type SimulatedWorkerOptions } from "../coordinator/simulated-worker.ts";
import { openBorder, type Border } from "./border.ts";

const options = { timeout: 20_000 };
const graph = linear(["start", "end"]);

type WorkerOver = Partial<SimulatedWorkerOptions> & { readonly token: string };

function workerOf(context: TestContext, { coordinator, authority }: Border, { token, ...over }: WorkerOver): Promise<SimulatedWorker> {
  const endpoint = { tls: { ca: authority.ca }, token };
  const worker = new SimulatedWorker({ address: coordinator.address, endpoint, id: "w1", slots: 1, execute: () => null, ...over });
  context.after(() => worker.disconnect());
  return worker.connect();
}

test("a reader's token takes no work, and a runner's only as a part of named runs", options, async (context) => {
  const border = await openBorder(context);
  const reader = await workerOf(context, border, { token: border.token({ role: "reader" }) });
  assert.deepEqual([reader.end?.refused, /role reader, and connect is for/.test(reader.end?.reason ?? "")], [true, true]);
  const token = border.token({ role: "runner" });
  const any = await workerOf(context, border, { token });
  assert.match(any.end?.reason ?? "", /its own runs only/);
  const run = await border.coordinator.control.submit(submission(graph));
  const hybrid = await workerOf(context, border, { token, runs: [run] });
  await hybrid.until(() => hybrid.count("assign") === 1);
  assert.deepEqual(
    border.audit.map(({ action, about, result }) => [action, about, result]),
    [
      ["connect", "w1", "denied"],
      ["connect", "w1", "denied"],
      ["connect", "w1", "done"],
    ],
  );
});

test("a token for a pool lets in that pool's workers alone, and none that offers whatever is asked", options, async (context) => {
  const border = await openBorder(context);
  const token = border.token({ role: "worker", pool: "gpu" });
  for (const offer of [{ pool: "" }, { pool: "cpu" }, { pool: "gpu", unbounded: true }]) {
    const refused = await workerOf(context, border, { token, offer });
    assert.match(refused.end?.reason ?? "", /for workers of the pool "gpu".*--pool gpu/);
  }
  const worker = await workerOf(context, border, { token, offer: { pool: "gpu" } });
  assert.equal(worker.end, null);
});

test("a worker whose token is limited to a namespace is given that namespace's runs alone", options, async (context) => {
  const border = await openBorder(context);
  const ours = await workerOf(context, border, { token: border.token({ role: "worker", namespace: "user:eve" }), slots: 5 });
  const { control } = border.coordinator;
  const foreign = await control.submit(submission(graph));
  const own = await control.submit({ ...submission(graph), namespace: "user:eve" });
  await ours.until(() => ours.count("assign") === 1);
  await settle();
  assert.deepEqual(runsOf(ours), [own]);
  const all = await workerOf(context, border, { id: "w2", token: border.token({ role: "worker" }) });
  await all.until(() => all.count("assign") === 1);
  assert.deepEqual(runsOf(all), [foreign]);
});

function runsOf(worker: SimulatedWorker): readonly string[] {
  return [...worker.held.values()].map(({ of }) => of.run);
}

test("nobody is taken for a worker of another token, and nothing that is said of another's lease counts", options, async (context) => {
  const border = await openBorder(context);
  const run = await border.coordinator.control.submit(submission(graph));
  const worker = await workerOf(context, border, { token: border.token({ role: "worker" }) });
  await worker.until(() => worker.count("assign") === 1);
  const [held] = worker.assigned("start/0");
  assert.ok(held !== undefined);
  const thief = await workerOf(context, border, { token: border.token({ role: "worker" }) });
  assert.match(thief.end?.reason ?? "", /connected with another token/);
  assert.equal(worker.end, null);
  const stranger = await workerOf(context, border, { id: "w2", token: border.token({ role: "worker" }) });
  stranger.report(held, succeeded({ kind: "end" }));
  stranger.send({ kind: "logs", of: held, from: 0, lines: [{ stream: "stdout", atMs: 0, text: "forged" }] });
  await stranger.until(() => stranger.received.some((item) => item.kind === "accepted" && item.refused));
  worker.finish("start/0", succeeded({ kind: "linear", to: step("end") }));
  await worker.until(() => worker.received.some((item) => item.kind === "accepted" && !item.refused));
  assert.deepEqual(await linesOf(border, run), []);
});

test("after a restart a worker is expected back with the token that it had", options, async (context) => {
  const border = await openBorder(context);
  const { house, tokens, authority } = border;
  const run = await border.coordinator.control.submit(submission(graph));
  const token = border.token({ role: "worker" });
  const worker = await workerOf(context, border, { token });
  await worker.until(() => worker.count("assign") === 1);
  const [held] = worker.assigned("start/0");
  assert.ok(held !== undefined);
  await border.coordinator.close();
  const audit = { record: () => undefined, close: () => Promise.resolve() };
  const coordinator = await house.start({
    adoptUnfinished: true,
    listen: { host: "127.0.0.1", port: 0, tls: authority.server },
    access: { tokens, audit, issueCertificate: null },
  });
  const again = { ...border, coordinator };
  const thief = await workerOf(context, again, { token: border.token({ role: "worker" }) });
  assert.match(thief.end?.reason ?? "", /the worker w1 is expected back with another token/);
  await worker.connect(coordinator.address);
  worker.finish("start/0", succeeded({ kind: "linear", to: step("end") }));
  await worker.until(() => worker.received.some((item) => item.kind === "accepted" && !item.refused));
  assert.ok((await house.kinds(run)).includes("taskSucceeded start/0"));
});

async function linesOf({ coordinator }: Border, run: RunId): Promise<readonly string[]> {
  return (await Array.fromAsync(coordinator.control.logs({ run }))).map(({ text }) => text);
}

/** Ends a token in either way. */
const ends: Readonly<Record<string, (border: Border, id: string) => void>> = {
  "is revoked": ({ tokens }, id) => void tokens.revoke(id),
  "has expired": ({ house }) => house.clock.advance(5000),
};

for (const [how, end] of Object.entries(ends)) {
  test(`a worker's stream ends when its token ${how}, and so does what is followed`, options, async (context) => {
    const border = await openBorder(context);
    const made = (over: Partial<TokenRequest>) =>
      border.tokens.create({ name: "", role: "reader", namespace: null, pool: null, ttlSeconds: 5, ...over });
    const forWorker = made({ role: "worker" });
    const forReader = made({});
    const run = await border.coordinator.control.submit(submission(graph));
    const worker = await workerOf(context, border, { token: forWorker.token });
    await worker.until(() => worker.count("assign") === 1);
    const following = [
      (async () => {
        for await (const _ of border.client({ token: forReader.token }).events(run, 0)) await settle();
      })(),
      (async () => {
        for await (const _ of border.client({ token: forReader.token }).logs({ run, follow: true })) await settle();
      })(),
    ];
    const refused = following.map((one) => assert.rejects(one, { code: "unauthenticated", message: /the token sw_\w+ has/ }));
    await border.client({ token: forReader.token }).run(run);
    await settle();
    end(border, forWorker.view.id);
    if (how === "is revoked") end(border, forReader.view.id);
    await worker.until(() => worker.end !== null);
    assert.equal(worker.end?.refused, true);
    assert.match(worker.end?.reason ?? "", /the token sw_\w+ has (expired|been revoked)/);
    await Promise.all(refused);
    assert.equal(border.tokens.list().filter(({ role }) => role !== "admin").length, 2);
  });
}

for (const [how, end] of Object.entries(ends)) {
  test(`a message that comes after its request's token ${how} is refused`, options, async (context) => {
    const border = await openBorder(context);
    const session = connectHttp2(`https://${border.coordinator.address}`, { ca: border.authority.ca });
    context.after(() => session.destroy());
    for (const [path, method, asked] of [
      [controlService.call.path, "flows", [null]],
      [controlService.follow.path, "events", ["Flow/1", 0]],
    ] as const) {
      const made = border.tokens.create({ name: "", role: "reader", namespace: null, pool: null, ttlSeconds: 5 });
      const admitted = whenVerified(border);
      const request = session.request(headersOf(path, made.token));
      request.on("error", () => undefined);
      await admitted;
      await settle();
      end(border, made.view.id);
      const answered = Promise.race([once(request, "trailers"), once(request, "response")]);
      request.end(framed({ method, arguments: Buffer.from(JSON.stringify(asked)) }));
      const [headers] = (await answered) as [IncomingHttpHeaders];
      assert.match(decodeURIComponent(String(headers["grpc-message"])), /the token sw_\w+ has (expired|been revoked)/);
    }
  });
}

/** The head of a request has been looked at. */
function whenVerified({ tokens }: Border): Promise<void> {
  const verify = tokens.verify.bind(tokens);
  return new Promise((resolve) => {
    tokens.verify = (token) => {
      resolve();
      return verify(token);
    };
  });
}

function headersOf(path: string, token: string): OutgoingHttpHeaders {
  return { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", authorization: `Bearer ${token}` };
}

function framed(request: Parameters<typeof writeControlRequest>[0]): Buffer {
  const message = writeControlRequest(request);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

test("what waits for a reader that has left ends with it, though nothing happens in the run", options, async (context) => {
  const border = await openBorder(context);
  const { control } = border.coordinator;
  const run = await control.submit(submission(graph));
  const ended = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const [events, logs] = [control.events.bind(control), control.logs.bind(control)];
  control.events = (...args) => telling(events(...args), ended[0].resolve);
  control.logs = (...args) => telling(logs(...args), ended[1].resolve);
  const client = border.client({ token: border.token({}) });
  for await (const { event } of client.events(run, 0)) if (event.kind === "runStarted") break;
  const next = client.logs({ run, follow: true })[Symbol.asyncIterator]().next();
  await client.run(run);
  await settle();
  client.close();
  await assert.rejects(next);
  await Promise.all(ended.map(({ promise }) => promise));
});

async function* telling<T>(items: AsyncIterable<T>, ended: () => void): AsyncIterable<T> {
  try {
    yield* items;
  } finally {
    ended();
  }
}

test(
  "who keeps trying without a token that counts waits for each answer, and fills no trail; others don't wait",
  options,
  async (context) => {
    const border = await openBorder(context);
    const nobody = border.client();
    for (let tries = 0; tries < 30; tries += 1) await assert.rejects(nobody.flows(null), { code: "unauthenticated" });
    const late = nobody.flows(null).then(
      () => "let in",
      () => "refused",
    );
    const good = border.client({ token: border.token({}) });
    await good.flows(null);
    await settle();
    assert.equal(await Promise.race([late, good.flows(null).then(() => "not yet")]), "not yet");
    assert.equal(border.audit.length, 30);
    border.house.clock.advance(1000);
    assert.equal(await late, "refused");
    assert.equal(border.audit.length, 30);
  },
);

/** Far more than a connection takes in on its own. */
const linesSent = 64;

test("a reader that takes nothing for a minute is let go with how to go on, and one that reads is not", options, async (context) => {
  const border = await openBorder(context);
  const { coordinator, token, house, authority } = border;
  const run = await coordinator.control.submit(submission(graph));
  const worker = await workerOf(context, border, { token: token({ role: "worker" }) });
  await worker.until(() => worker.count("assign") === 1);
  const [of] = worker.assigned("start/0");
  assert.ok(of !== undefined);
  // What grpc-js reads it takes in, whoever wants it; this one leaves everything to the connection.
  const session = connectHttp2(`https://${coordinator.address}`, { ca: authority.ca });
  context.after(() => session.destroy());
  const sleeper = session.request(headersOf(controlService.follow.path, token({})));
  sleeper.pause();
  sleeper.end(framed({ method: "logs", arguments: Buffer.from(JSON.stringify([{ run, follow: true }])) }));
  const reader = border.client({ token: token({}) });
  let seen = 0;
  const reading = (async () => {
    for await (const _ of reader.logs({ run, follow: true })) if ((seen += 1) === linesSent) break;
  })();
  await reader.run(run);
  for (let from = 0; from < linesSent; from += 1) {
    worker.send({ kind: "logs", of, from, lines: [{ stream: "stdout", atMs: from, text: "x".repeat(100_000) }] });
    await settle();
  }
  await reading;
  await settle();
  for (let passedMs = 0; passedMs < 60_000; passedMs += 1000) {
    worker.beat();
    await settle();
    house.clock.advance(1000);
  }
  const ended = once(sleeper, "trailers");
  sleeper.resume();
  const [trailers] = (await ended) as [IncomingHttpHeaders];
  assert.match(decodeURIComponent(String(trailers["grpc-message"])), /nothing was read for 60 s: ask again for what comes after the last/);
});

test("a stream ends when what a worker says cannot be read, though there is still something to be said to it", options, async (context) => {
  const { coordinator, token } = await openBorder(context, { tls: "off" });
  const client = new Client(coordinator.address, credentials.createInsecure());
  context.after(() => client.close());
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token({ role: "worker" })}`);
  const { path, requestSerialize, responseDeserialize } = connectMethod;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  call.on("error", () => undefined).resume();
  const ended = new Promise<StatusObject>((resolve) => call.once("status", resolve));
  const writer = new ProtoWriter();
  writeWorkerItem(writer, { kind: "hello", hello });
  call.write(writer.take());
  call.write(Buffer.from([0xff]));
  const { code, details } = await ended;
  assert.deepEqual([code, /what the worker says cannot be read: /.test(details)], [grpcStatus.INVALID_ARGUMENT, true], details);
});

test("whoever follows over a connection may leave while nothing comes", options, async (context) => {
  const border = await openBorder(context);
  const run = await border.coordinator.control.submit(submission(graph));
  const client = border.client({ token: border.token({}) });
  for (const follow of [(until: Until) => client.events(run, 0, until), (until: Until) => client.logs({ run, follow: true }, until)]) {
    const left = new AbortController();
    const items = follow(left.signal)[Symbol.asyncIterator]();
    const last = (async () => {
      for (;;) if ((await items.next()).done === true) return;
    })();
    for (let at = 0; at < 20; at += 1) await settle();
    left.abort();
    await last;
    assert.equal((await follow(left.signal)[Symbol.asyncIterator]().next()).done, true);
  }
});
