// Health and metrics of a cluster as people start it: read over HTTP and gRPC, and held against what a run did.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { Service, startCoordinator, startWorker } from "../cluster/processes.ts";
import { stepwell, temporaryFolder } from "../command.ts";
import { packageVersion } from "../../cli/package-version.ts";
import { parseExposition, valueOf, type Family } from "../metrics/exposition.ts";
import { documentedMetrics } from "./documented.ts";

const options = { timeout: 60_000 };

/** A foreach of three, of which one fails once, and one fails for good and is caught. */
const flow = `import { FlowSpec, current, step, retry, catchError, type Inputs } from "stepwell";
export class CountFlow extends FlowSpec {
  declare items: number[];
  declare sum: number;
  declare trouble?: Error;
  declare large: Float64Array;
  @step start() {
    this.items = [1, 2, 3];
    this.large = new Float64Array(100_000);
    return this.next(this.work, { foreach: "items" });
  }
  @retry({ times: 1, minutesBetween: 0 })
  @catchError({ var: "trouble" })
  @step work(item: number) {
    if (item === 2 && current.attempt === 0) throw new Error("once");
    if (item === 3) throw new Error("always");
    this.sum = item + this.large.length;
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.sum = inputs.length;
    return this.next(this.end);
  }
  @step end() {}
}
`;

type Families = ReadonlyMap<string, Family>;

async function get(
  url: string,
  token: string | null = null,
): Promise<{ readonly status: number; readonly type: string | null; readonly text: string }> {
  const answer = await fetch(url, { headers: token === null ? {} : { authorization: `Bearer ${token}` } });
  return { status: answer.status, type: answer.headers.get("content-type"), text: await answer.text() };
}

/** Reads until it holds: what is counted follows what a run tells. */
async function metricsUntil(read: () => Promise<Families>, holds: (families: Families) => boolean): Promise<Families> {
  for (;;) {
    const families = await read();
    if (holds(families)) return families;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("metrics of coordinator and worker say what a run did, and are those of the document", options, async () => {
  using folder = temporaryFolder();
  const cluster = await startCoordinator(folder.path, [
    "--listen",
    "127.0.0.1:0",
    "--http",
    "127.0.0.1:0",
    "--store",
    `file:${join(folder.path, "s")}`,
  ]);
  await using coordinator = cluster.coordinator;
  // Without it workers don't know the folder, and artifacts go through a cache.
  rmSync(join(folder.path, "s", "mark"));
  await using worker = await startWorker(cluster, 0, ["--http", "127.0.0.1:0", "--slots", "2"]);
  const http = String((await coordinator.event("coordinator.listening"))["http"]);
  const workerHttp = String((await worker.event("worker.http"))["http"]);
  const token = readFileSync(join(folder.path, "data", "admin-token"), "utf8").trim();
  folder.write("count.ts", flow);
  const ran = await stepwell(folder.path, ["run", "count.ts", "--detach"], { env: cluster.env });
  assert.equal(ran.code, 0, ran.stderr);
  await coordinator.event("run.finished");

  assert.equal((await get(`http://${http}/metrics`)).status, 401);
  const limited = await stepwell(folder.path, ["token", "create", "--role", "reader", "--namespace", "user:eve", "--json"], {
    env: cluster.env,
  });
  const { token: eve } = JSON.parse(limited.stdout) as { readonly token: string };
  assert.equal((await get(`http://${http}/metrics`, eve)).status, 403);
  assert.equal((await get(`http://${http}/version`)).status, 401);
  assert.deepEqual(JSON.parse((await get(`http://${http}/version`, eve)).text), { version: packageVersion() });
  const read = async (): Promise<Families> => {
    const { status, type, text } = await get(`http://${http}/metrics`, token);
    assert.deepEqual([status, type], [200, "text/plain; version=0.0.4; charset=utf-8"]);
    return parseExposition(text);
  };
  const families = await metricsUntil(read, (seen) => valueOf(seen, "stepwell_worker_slots", { state: "busy" }) === 0);
  const value = (name: string, labels: Readonly<Record<string, string>> = {}): number => valueOf(families, name, labels);
  assert.deepEqual(
    {
      runs: value("stepwell_runs_total", { flow: "CountFlow", status: "succeeded" }),
      active: value("stepwell_runs_active", { flow: "CountFlow" }),
      succeeded: value("stepwell_task_attempts_total", { outcome: "succeeded" }),
      failed: value("stepwell_task_attempts_total", { outcome: "userError" }),
      retries: value("stepwell_task_retries_total", { flow: "CountFlow", step: "work", reason: "userError" }),
      tasks: value("stepwell_tasks_total", { flow: "CountFlow", step: "work", status: "succeeded" }),
      durations: value("stepwell_task_duration_seconds_count", { flow: "CountFlow", step: "work" }),
      dispatched: value("stepwell_dispatch_latency_seconds_count"),
      queued: value("stepwell_task_queue_seconds_count"),
      lost: value("stepwell_leases_lost_total", { reason: "lost" }),
      ready: value("stepwell_tasks_active", { state: "ready" }),
      workers: value("stepwell_workers", { state: "ready" }),
      slots: value("stepwell_worker_slots", { state: "total" }),
      streams: value("stepwell_grpc_streams", { kind: "worker" }),
      up: value("stepwell_queue_up"),
      submits: value("stepwell_control_calls_total", { method: "submit", code: "ok" }),
      unauthenticated: value("stepwell_http_requests_total", { route: "/metrics", method: "GET", status: "401" }),
      storeErrors: value("stepwell_store_errors_total"),
    },
    // Of the three tasks of work, one succeeded at once, one at its second attempt, and the third was caught after its second.
    {
      runs: 1,
      active: 0,
      succeeded: 5,
      failed: 3,
      retries: 2,
      tasks: 3,
      durations: 2,
      dispatched: 8,
      queued: 8,
      lost: 0,
      ready: 0,
      workers: 1,
      slots: 2,
      streams: 1,
      up: 1,
      submits: 1,
      unauthenticated: 1,
      storeErrors: 0,
    },
  );
  assert.ok(value("stepwell_ledger_bytes") > 4096);
  assert.ok(value("stepwell_ledger_append_seconds_count") > 3);
  assert.ok(value("stepwell_ledger_events_total") >= 18);

  const ofWorker = parseExposition((await get(`http://${workerHttp}/metrics`)).text);
  assert.deepEqual(
    ["succeeded", "failed", "revoked"].map((outcome) => valueOf(ofWorker, "stepwell_agent_attempts_total", { outcome })),
    [5, 3, 0],
  );
  assert.equal(valueOf(ofWorker, "stepwell_agent_connected"), 1);
  assert.deepEqual(
    ["total", "busy"].map((state) => valueOf(ofWorker, "stepwell_agent_slots", { state })),
    [2, 0],
  );
  assert.ok(valueOf(ofWorker, "stepwell_agent_task_processes") >= 1);
  // The array is written once, and found in the cache by the tasks that read it; the code package is fetched.
  const large = 8 * 100_000;
  assert.ok(valueOf(ofWorker, "stepwell_agent_cache_bytes") > large);
  assert.ok(valueOf(ofWorker, "stepwell_agent_uploaded_bytes_total") > large);
  assert.ok(valueOf(ofWorker, "stepwell_agent_uploads_total", { result: "ok" }) >= 1);
  assert.equal(valueOf(ofWorker, "stepwell_agent_uploads_total", { result: "failed" }), 0);
  assert.equal(valueOf(ofWorker, "stepwell_agent_cache_misses_total"), 1);
  assert.ok(valueOf(ofWorker, "stepwell_agent_fetched_bytes_total") > 1000);
  assert.ok(valueOf(ofWorker, "stepwell_agent_cache_hits_total") >= 1);
  assert.equal((await get(`http://${workerHttp}/healthz`)).text, "ok\n");
  assert.equal((await get(`http://${workerHttp}/other`)).status, 404);

  const told = new Map([...families, ...ofWorker]);
  const labelsOf = ({ samples }: Family): readonly string[] =>
    [...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))].filter((label) => label !== "le").sort();
  const documented = new Map(documentedMetrics.map((metric) => [metric.name, metric]));
  assert.deepEqual(new Set(told.keys()), new Set(documented.keys()));
  for (const [name, family] of told) {
    assert.equal(family.type, documented.get(name)?.type, name);
    if (family.samples.length > 0) assert.deepEqual(labelsOf(family), [...(documented.get(name)?.labels ?? [])].sort(), name);
  }
});

const writeText = (text: string): Buffer => Buffer.concat([Buffer.from([0x0a, text.length]), Buffer.from(text)]);
const path = (method: string): string => `/grpc.health.v1.Health/${method}`;
const readStatus = (bytes: Buffer): number => bytes[1] ?? 0;

function check(client: Client, service: string): Promise<number> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path("Check"), writeText, readStatus, service, (error: ServiceError | null, status) =>
      error === null && status !== undefined ? resolve(status) : reject(error ?? new Error("no answer")),
    );
  });
}

test("gRPC's health service answers anyone at once, and tells whoever has a token of a stop", options, async () => {
  using folder = temporaryFolder();
  const cluster = await startCoordinator(folder.path, ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
  await using coordinator = cluster.coordinator;
  const http = String((await coordinator.event("coordinator.listening"))["http"]);
  const token = readFileSync(join(folder.path, "data", "admin-token"), "utf8").trim();
  const client = new Client(cluster.address, credentials.createInsecure());
  try {
    for (const service of ["", "stepwell.v1.Worker", "stepwell.v1.Control"]) assert.equal(await check(client, service), 1, service);
    await assert.rejects(check(client, "other.Service"), { code: 5 });
    const stranger = client.makeServerStreamRequest(path("Watch"), writeText, readStatus, "");
    const [refused] = (await once(stranger, "error")) as [ServiceError];
    assert.equal(refused.code, 16);
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    const watch = client.makeServerStreamRequest(path("Watch"), writeText, readStatus, "", metadata);
    const ended = new Promise((resolve) => watch.on("error", resolve));
    const first = await new Promise((resolve) => watch.once("data", resolve));
    assert.equal(first, 1);
    const ready = await get(`http://${http}/readyz`);
    assert.equal(ready.status, 200);
    const { parts } = JSON.parse(ready.text) as { readonly parts: readonly { readonly part: string; readonly status: string }[] };
    assert.deepEqual(
      parts.map(({ part, status }) => `${part} ${status}`),
      ["ledger ok", "store ok", "queue ok"],
    );
    coordinator.signal("SIGTERM");
    await ended;
    assert.equal(await coordinator.ended(), 0);
  } finally {
    client.close();
  }
});

test("a worker that cannot be watched as was asked for does not begin", options, async () => {
  using folder = temporaryFolder();
  const cluster = await startCoordinator(folder.path);
  await using coordinator = cluster.coordinator;
  const [, port] = cluster.address.split(":");
  await using worker = new Service(["worker", "--http", `127.0.0.1:${port}`], { cwd: folder.path, env: cluster.env });
  assert.notEqual(await worker.ended(), 0);
  assert.match(worker.text, /the worker cannot serve HTTP at 127\.0\.0\.1:\d+: .*EADDRINUSE/);
  assert.equal(coordinator.child.exitCode, null);
});
