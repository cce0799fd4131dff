// Walks the table of who may do what, over real connections: each action with each role, with a token of another namespace,
// one that has expired, one that was revoked, one that nobody knows, and none.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { authorize, controlTable, permissions, type Askable, type OtherAction } from "../../coordinator/api/access/permissions.ts";
import { startHttpServer, type HttpRequest } from "../../coordinator/api/http/http-server.ts";
import type { BlobAccess } from "../../coordinator/ports/blob-access.ts";
import { ControlError } from "../../proto/control.ts";
import { parseFlowName, parseRunId, parseSha256, parseTaskId, type RunId } from "../../proto/ids.ts";
import { parseLaunchId } from "../../proto/launch.ts";
import { roles, type Role, type TokenRequest } from "../../proto/token.ts";
import { controlService } from "../../sdk/wire/services.ts";
import { linear, submission } from "../coordinator/graphs.ts";
import { SimulatedWorker } from "../coordinator/simulated-worker.ts";
import { openBorder, type Border } from "./border.ts";

const options = { timeout: 30_000 };
const graph = linear(["start", "end"]);

type Who = { readonly name: string; readonly token: string | null; readonly role: Role | null; readonly namespace: string | null };

async function everybody({ token, tokens, house }: Border): Promise<readonly Who[]> {
  const made = (name: string, request: Partial<TokenRequest>): Who => ({
    name,
    token: token(request),
    role: request.role ?? "reader",
    namespace: request.namespace ?? null,
  });
  const known = [
    ...roles.map((role) => made(role, { role })),
    ...(["reader", "runner", "worker"] as const).map((role) => made(`${role} of user:ada`, { role, namespace: "user:ada" })),
    ...(["reader", "runner"] as const).map((role) => made(`${role} of user:eve`, { role, namespace: "user:eve" })),
  ];
  const expired = token({ role: "admin", ttlSeconds: 1 });
  house.clock.advance(1000);
  const revoked = tokens.create({ name: "", role: "admin", namespace: null, pool: null, ttlSeconds: null });
  tokens.revoke(revoked.view.id);
  const nobody = (name: string, text: string | null): Who => ({ name, token: text, role: null, namespace: null });
  return [
    ...known,
    nobody("an expired token", expired),
    nobody("a revoked token", revoked.token),
    nobody("an unknown token", `${revoked.token.slice(0, -3)}abc`),
    nobody("no token", null),
  ];
}

/** For each method what is asked of it: about a run of user:ada. */
function argumentsFor(run: RunId): { readonly [M in keyof Askable]: Parameters<Askable[M]> } {
  const request = submission(graph);
  const resume = { from: null, changedSteps: [], changedParameters: [], stepsReadingParameters: {}, rerunCaught: false };
  return {
    submit: [request],
    plan: [{ ...request, resume: { origin: run, ...resume } }],
    cancel: [run, { by: "test" }],
    retry: [run, { by: "test" }, null],
    tag: [run, { by: "test" }, { add: ["seen"], remove: [] }],
    runs: [{ limit: 10 }],
    latest: [{ limit: 1 }],
    flows: [null],
    run: [run],
    tasks: [run, { limit: 10 }],
    task: [run, parseTaskId("start/0")],
    waits: [run],
    events: [run, 0],
    logs: [{ run }],
    workers: [],
    health: [],
    drainWorker: ["nobody", "test", null],
    launches: [],
    endLaunch: [parseLaunchId("launch0000"), "test"],
    blobPlaces: [],
    grantBlobs: [run, []],
    collect: [{ retention: { keepDays: null, keepLast: null, keepTags: [], namespace: null }, keepLogs: true, dryRun: true, by: "test" }],
    createToken: [{ name: "", role: "reader", namespace: null, pool: null, ttlSeconds: 1, certificate: false }],
    tokens: [],
    revokeToken: ["sw_000000000000"],
  };
}

type Outcome = "let in" | "unauthenticated" | "denied";

async function outcomeOf(asked: () => unknown): Promise<Outcome> {
  try {
    const answer = await asked();
    if (isIterable(answer)) for await (const _ of answer) break;
    return "let in";
  } catch (error) {
    assert.ok(error instanceof ControlError, String(error));
    // Whatever else is wrong with the request, it was let in.
    return error.code === "unauthenticated" || error.code === "denied" ? error.code : "let in";
  }
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** What is not about a run: kept to a namespace, it tells less instead of nothing. */
const narrowed: readonly string[] = [
  "runs",
  "latest",
  "flows",
  "workers",
  "health",
  "blobPlaces",
  "createToken",
  "tokens",
  "revokeToken",
  "drainWorker",
  "launches",
  "endLaunch",
];

function expected(method: keyof Askable, { role, namespace }: Who): Outcome {
  if (role === null) return "unauthenticated";
  if (!controlTable[method].who.includes(role)) return "denied";
  return namespace === "user:eve" && !narrowed.includes(method) ? "denied" : "let in";
}

test("each method lets in exactly whom the table names, each in its own namespace", options, async (context) => {
  const border = await openBorder(context);
  const run = await border.coordinator.control.submit(submission(graph));
  const asked = argumentsFor(run);
  const wrong: string[] = [];
  for (const who of await everybody(border)) {
    const client = border.client(who.token === null ? {} : { token: who.token });
    for (const method of Object.keys(controlTable) as (keyof Askable)[]) {
      const ask = client[method] as (...args: readonly unknown[]) => unknown;
      const outcome = await outcomeOf(() => ask(...asked[method]));
      if (outcome !== expected(method, who)) wrong.push(`${who.name}: ${method}: ${outcome} instead of ${expected(method, who)}`);
    }
    client.close();
    // So that refusals are answered at once.
    border.house.clock.advance(60_000);
  }
  assert.deepEqual(wrong, []);
});

test("every other action is open to exactly whom the table names", () => {
  for (const [action, who] of permissions()) {
    for (const role of [...roles, null]) {
      const principal = role === null ? null : { tokenId: "sw_0", tokenName: "", role, namespace: null, pool: null };
      const ask = (): void => authorize(principal, action as OtherAction);
      if (who === "anyone" || (role !== null && who.includes(role))) ask();
      else assert.throws(ask, { name: "ControlError", code: role === null ? "unauthenticated" : "denied" }, `${role} ${action}`);
    }
  }
});

test("a route that no row names is refused, whoever made it", async (context) => {
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const handle = ({ response }: HttpRequest): Promise<void> => Promise.resolve(void response.end("let in"));
  const routes = [
    { name: "/blobs/SHA256[/pieces]", path: /^\/blobs/, methods: ["GET", "DELETE"], handle },
    { name: "/new", path: /^\/new/, methods: ["GET"], handle },
  ];
  const server = await startHttpServer({ host: "127.0.0.1", port: 0, tls: null, routes, log });
  context.after(() => server.close());
  const ask = async (method: string, path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${server.port}${path}`, { method })).status;
  assert.deepEqual([await ask("GET", "/blobs/1"), await ask("DELETE", "/blobs/1"), await ask("GET", "/new")], [200, 403, 403]);
});

test("a limited token sees its own namespace's runs, flows and tasks of workers, whatever tags others carry", options, async (context) => {
  const { coordinator, token, client, authority } = await openBorder(context);
  const { control } = coordinator;
  const own = await control.submit({ ...submission(graph), namespace: "user:eve" });
  const other = await control.submit({ ...submission(linear(["start", "end"])), tags: ["user:eve"] });
  const fan = { ...graph, flow: parseFlowName("OtherFlow") };
  await control.submit({ ...submission(fan), tags: ["user:eve"] });
  const admin = token({ role: "admin" });
  const worker = new SimulatedWorker({
    address: coordinator.address,
    endpoint: { tls: { ca: authority.ca }, token: admin },
    id: "w",
    slots: 3,
    execute: () => null,
  });
  await worker.connect();
  context.after(() => worker.disconnect());
  await worker.until(() => worker.count("assign") === 3);
  const eve = client({ token: token({ namespace: "user:eve" }) });
  for (const namespace of [null, "user:eve", "user:ada"]) {
    const found = await eve.runs({ namespace, limit: 10 });
    assert.ok(found.items.every(({ run }) => run === own) && (found.total ?? 0) <= 1, String(namespace));
    const latest = await eve.latest({ namespace, limit: 1 });
    assert.ok(latest === null || latest.run === own);
  }
  assert.deepEqual(
    (await eve.runs({ within: "user:ada", limit: 10 })).items.map(({ run }) => run),
    [own],
  );
  assert.deepEqual(await eve.flows(null), ["Linear"]);
  const [seen] = await eve.workers();
  assert.deepEqual(
    seen?.running.map(({ run }) => run),
    [own],
  );
  const [all] = await client({ token: admin }).workers();
  assert.equal(all?.running.length, 3);
  await assert.rejects(eve.run(other), { code: "denied", message: /limited to the namespace user:eve/ });
  await assert.rejects(eve.run(parseRunId("Linear/99")), { code: "denied", message: /limited to the namespace user:eve/ });
});

test("a runner's token starts runs in its own namespace alone, and resumes none of another", options, async (context) => {
  const { coordinator, token, client } = await openBorder(context);
  const other = await coordinator.control.submit(submission(graph));
  const eve = client({ token: token({ role: "runner", namespace: "user:eve" }) });
  await assert.rejects(eve.submit(submission(graph)), { code: "denied", message: /pass --namespace user:eve/ });
  const resume = { origin: other, from: null, changedSteps: [], changedParameters: [], stepsReadingParameters: {}, rerunCaught: false };
  await assert.rejects(eve.submit({ ...submission(graph), namespace: "user:eve", resume }), { code: "denied" });
  assert.match(await eve.submit({ ...submission(graph), namespace: "user:eve" }), /^Linear\//);
});

const openBlobs: BlobAccess = {
  places: [{ kind: "presigned", http: null }],
  sign: async (requests) => requests.map(({ sha256 }) => ({ url: `https://blobs/${sha256}`, headers: {} })),
  piecesOf: async () => new Set(),
};

test("blobs are read by who may read their run, and written by who may submit one", options, async (context) => {
  const { coordinator, token, client } = await openBorder(context, { blobs: openBlobs });
  const run = await coordinator.control.submit(submission(graph));
  const { codePackage } = submission(graph);
  const [reader, runner] = [client({ token: token({}) }), client({ token: token({ role: "runner" }) })];
  const put = { kind: "put", sha256: parseSha256("f".repeat(64)), size: 1 } as const;
  assert.equal((await reader.grantBlobs(run, [{ kind: "get", sha256: codePackage }])).length, 1);
  await assert.rejects(reader.grantBlobs(null, [put]), { code: "denied", message: /by runner or admin, not by a reader/ });
  await assert.rejects(reader.grantBlobs(run, [put]), { code: "invalid" });
  assert.equal((await runner.grantBlobs(null, [put])).length, 1);
  const eve = client({ token: token({ namespace: "user:eve" }) });
  await assert.rejects(eve.grantBlobs(run, [{ kind: "get", sha256: codePackage }]), { code: "denied" });
});

test(
  "a runner's token is recorded under its name, whatever its holder says; an admin says itself for whom it acts",
  options,
  async (context) => {
    const { house, coordinator, token, client } = await openBorder(context);
    for (const [role, user, by] of [
      ["runner", "nightly", "nightly"],
      ["admin", "ada", "eve"],
    ] as const) {
      const one = client({ token: token({ role, name: "nightly" }) });
      const run = await one.submit(submission(graph));
      await one.tag(run, { by: "eve" }, { add: ["seen"], remove: [] });
      await one.cancel(run, { by: "eve" });
      assert.equal((await coordinator.control.run(run)).user, user);
      const asked = (await house.events(run)).flatMap(({ event }) => ("by" in event ? [event.by] : []));
      assert.deepEqual(asked, [by, by]);
    }
    const nameless = client({ token: token({ role: "runner", name: "" }) });
    assert.equal((await coordinator.control.run(await nameless.submit(submission(graph)))).user, "ada");
  },
);

test("what is in no table is asked for in vain", options, async (context) => {
  const { coordinator, token } = await openBorder(context, { tls: "off" });
  const client = new Client(coordinator.address, credentials.createInsecure());
  context.after(() => client.close());
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token({ role: "admin" })}`);
  const { requestSerialize, responseDeserialize } = controlService.call;
  const ask = (path: string, method: string): Promise<number | undefined> =>
    new Promise((resolve) => {
      const request = { method, arguments: Buffer.from("[]") };
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error) => resolve(error?.code));
    });
  const invalid = 3;
  const unimplemented = 12;
  for (const method of ["", "nothing", "constructor", "__proto__", "toString", "close", "events"]) {
    assert.equal(await ask(controlService.call.path, method), invalid, method);
  }
  for (const path of [
    "/stepwell.v1.Control/Nothing",
    "/stepwell.v1.Nothing/Call",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  ]) {
    assert.equal(await ask(path, "runs"), unimplemented, path);
  }
});
