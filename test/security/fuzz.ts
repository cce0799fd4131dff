// Says damaged things to a coordinator that goes on with its work meanwhile: to its workers' door, to its clients' door, and
// as bytes that are no HTTP/2. What is said is a function of a seed.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { Client, credentials, Metadata, type status, type ClientDuplexStream, type StatusObject } from "@grpc/grpc-js";
import { parseSha256, type RunId } from "../../proto/ids.ts";
import { ProtoWriter } from "../../sdk/wire/proto-writer.ts";
import { connectMethod, controlService, writeControlRequest } from "../../sdk/wire/services.ts";
import { writeWorkerItem } from "../../sdk/wire/worker-codec.ts";
import type { Held, Hello, WorkerItem } from "../../sdk/wire/worker-items.ts";
import { foreach, linear, obedient, submission } from "../coordinator/graphs.ts";
import { finished } from "../coordinator/harness.ts";
import { hello as small } from "../coordinator/hello.ts";
import { SimulatedWorker } from "../coordinator/simulated-worker.ts";
import { Random } from "../simulation/random.ts";
import { openBorder, type Border } from "./border.ts";
import { mutated, randomBytes } from "./mutation.ts";

export type FuzzPlan = { readonly seed: number; readonly workerMessages: number; readonly requests: number; readonly connections: number };

export type FuzzReport = {
  readonly runsFinished: number;
  readonly workerMessages: number;
  readonly requests: number;
  readonly connections: number;
};

/** Of one stream, unless it ends before. */
const messagesPerStream = 25;
/** Requests and streams at a time. */
const atOnce = 32;
const width = 20;
const fuzzed = "user:fuzz";

export async function fuzz(context: TestContext, plan: FuzzPlan): Promise<FuzzReport> {
  const border = await openBorder(context, { tls: "off" });
  const work = new Work(border, context);
  await work.begin();
  const random = new Random(plan.seed);
  const workerMessages = await sayToWorkersDoor(border, plan.workerMessages, random);
  const requests = await sayToClientsDoor(border, plan.requests, random);
  const connections = await sayGarbage(border, plan.connections, random);
  const runsFinished = await work.end();
  assert.deepEqual(
    border.house.log.entries.filter(({ level }) => level === "error"),
    [],
  );
  return { runsFinished, workerMessages, requests, connections };
}

/** One run after the other, on a worker of its own namespace. */
class Work {
  readonly #border: Border;
  readonly #context: TestContext;
  #going = true;
  #done: Promise<number> = Promise.resolve(0);

  constructor(border: Border, context: TestContext) {
    this.#border = border;
    this.#context = context;
  }

  async begin(): Promise<void> {
    const { coordinator, token } = this.#border;
    const graph = foreach();
    const worker = new SimulatedWorker({
      address: coordinator.address,
      endpoint: { token: token({ role: "worker", namespace: "user:ada" }) },
      id: "good",
      slots: 4,
      execute: obedient(graph, width),
      forgetful: true,
    });
    this.#context.after(() => worker.disconnect());
    await worker.connect();
    this.#done = this.#runs(() => coordinator.control.submit(submission(graph)));
  }

  end(): Promise<number> {
    this.#going = false;
    return this.#done;
  }

  async #runs(submit: () => Promise<RunId>): Promise<number> {
    let count = 0;
    while (this.#going) {
      const run = await submit();
      const events = await finished(this.#border.coordinator, run);
      const succeeded = events.filter(({ event }) => event.kind === "taskSucceeded").length;
      assert.equal(succeeded, width + 3, run);
      count += 1;
    }
    return count;
  }
}

const held: Held = { run: "Linear/1", task: "start/0", attempt: 0, lease: 1 };
const hello: Hello = { ...small, worker: "fuzz", slots: 2, cpu: 2, memoryMiB: 1024, labels: { gpu: "a100" } };
const outcome = {
  kind: "succeeded",
  taken: { kind: "end" },
  artifacts: {},
  usage: { startedAtMs: 1, finishedAtMs: 2, cpuMs: 1, peakMiB: 1 },
};
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const items: readonly (readonly WorkerItem[])[] = [
  [{ kind: "hello", hello: { ...hello, held: [held, held], runs: ["Linear/1"] } }],
  [{ kind: "beat", held: [held, { ...held, lease: 2 }] }],
  [{ kind: "outcome", of: held, outcome: json(outcome) }],
  [{ kind: "logs", of: held, from: 0, lines: [{ stream: "stdout", atMs: 5, text: "a line" }] }],
  [
    { kind: "credit", slots: 1 },
    { kind: "beat", held: [] },
  ],
  [{ kind: "askBlobs", of: held, id: 1, requests: json([{ kind: "get", sha256: parseSha256("a".repeat(64)) }]) }],
  [{ kind: "draining" }],
];

function bytesOf(list: readonly WorkerItem[]): Buffer {
  const writer = new ProtoWriter();
  for (const item of list) writeWorkerItem(writer, item);
  return writer.take();
}

async function sayToWorkersDoor({ coordinator, token }: Border, messages: number, random: Random): Promise<number> {
  const client = new Client(coordinator.address, credentials.createInsecure());
  const metadata = bearer(token({ role: "worker", namespace: fuzzed }));
  const valid = items.map(bytesOf);
  let said = 0;
  let streams = 0;
  const sayOn = async (): Promise<void> => {
    while (said < messages) {
      streams += 1;
      const call: ClientDuplexStream<Buffer, unknown> = client.makeBidiStreamRequest(connectMethod.path, asItIs, asItIs, metadata);
      const ended = endOf(call);
      const life = { open: true };
      void ended.then(() => (life.open = false));
      call.write(bytesOf([{ kind: "hello", hello: { ...hello, worker: `fuzz-${streams}` } }]));
      for (let left = messagesPerStream; left > 0 && life.open && said < messages; left -= 1) {
        said += 1;
        // Those at the ends of a stream's life matter as well: some say no hello, and some end it in the middle.
        if (!call.write(mutated(random.pick(valid), random))) await Promise.race([once(call, "drain").catch(() => undefined), ended]);
        if (random.chance(0.2)) await turn();
      }
      if (random.chance(0.5)) call.end();
      else call.cancel();
      await ended;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sayOn));
  client.close();
  return said;
}

async function sayToClientsDoor({ coordinator, token }: Border, requests: number, random: Random): Promise<number> {
  const client = new Client(coordinator.address, credentials.createInsecure());
  const metadata = bearer(token({ role: "runner", namespace: fuzzed }));
  const valid = requestsOf();
  let said = 0;
  const sayOn = async (): Promise<void> => {
    while (said < requests) {
      said += 1;
      const request = mutated(random.pick(valid), random);
      if (random.chance(0.8))
        await new Promise<void>((resolve) =>
          client.makeUnaryRequest(controlService.call.path, asItIs, asItIs, request, metadata, () => resolve()),
        );
      else {
        const stream = client.makeServerStreamRequest(controlService.follow.path, asItIs, asItIs, request, metadata);
        const ended = endOf(stream);
        // What goes on for ever is left.
        stream.once("data", () => stream.cancel());
        await ended;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sayOn));
  client.close();
  return said;
}

function requestsOf(): readonly Buffer[] {
  const run = "Linear/1";
  const request = { ...submission(linear(["start", "end"])), namespace: fuzzed };
  const resume = { origin: run, from: null, changedSteps: [], changedParameters: [], stepsReadingParameters: {}, rerunCaught: false };
  const asked: readonly (readonly [string, ...unknown[]])[] = [
    ["submit", request],
    ["submit", { ...request, resume }],
    ["plan", { ...request, resume }],
    ["cancel", run, "fuzz"],
    ["retry", run, "fuzz", ["start/0"]],
    ["tag", run, "fuzz", { add: ["a"], remove: ["b"] }],
    ["runs", { flow: "Linear", status: ["running"], tags: ["a"], namespace: null, sinceMs: 1, limit: 10 }],
    ["latest", { limit: 1 }],
    ["flows", null],
    ["tasks", run, { step: "start", limit: 10 }],
    ["task", run, "start/0"],
    ["waits", run],
    ["workers"],
    ["grantBlobs", run, [{ kind: "get", sha256: "a".repeat(64) }]],
    ["createToken", { name: "x", role: "admin", namespace: null, pool: null, ttlSeconds: null, certificate: false }],
    ["events", run, 0],
    ["logs", { run, follow: false }],
  ];
  return asked.map(([method, ...args]) => writeControlRequest({ method, arguments: json(args) }));
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** SETTINGS, an empty HEADERS, a large DATA, a PING, a GOAWAY. */
const frames: readonly Buffer[] = [
  "000000040000000000",
  "000000010500000001",
  "00ffff000000000001",
  "0000080600000000000102030405060708",
  "0000080700000000000000000000000000",
].map((hex) => Buffer.from(hex, "hex"));

async function sayGarbage({ endpoint }: Border, connections: number, random: Random): Promise<number> {
  const { hostname, port } = new URL(`tcp://${endpoint.address}`);
  let said = 0;
  const sayOn = async (): Promise<void> => {
    while (said < connections) {
      said += 1;
      const socket = connect(Number(port), hostname);
      socket.on("error", () => undefined);
      socket.resume();
      const closed = new Promise((resolve) => socket.once("close", resolve));
      await Promise.race([once(socket, "connect").catch(() => undefined), closed]);
      socket.write(random.chance(0.7) ? preface : randomBytes(random.below(64), random));
      for (let left = random.below(6); left > 0; left -= 1) {
        const frame = random.pick(frames);
        socket.write(random.chance(0.5) ? mutated(frame, random) : Buffer.concat([frame, randomBytes(random.below(300), random)]));
      }
      await turn();
      if (random.chance(0.5)) socket.end();
      else socket.resetAndDestroy();
      setImmediate(() => socket.destroy());
      await closed;
    }
  };
  await Promise.all(Array.from({ length: 8 }, sayOn));
  return said;
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}

function bearer(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

type Ending = {
  on(event: "status", listener: (status: StatusObject) => void): unknown;
  on(event: "error" | "data", listener: () => void): unknown;
};

function endOf(call: Ending): Promise<status> {
  call.on("error", () => undefined);
  call.on("data", () => undefined);
  return new Promise((resolve) => call.on("status", ({ code }) => resolve(code)));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
