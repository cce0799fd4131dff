// The log of real processes, held against the table of docs/operations.md, both ways; and what must never be in it.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { globSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { NatsServer } from "../cluster/nats-server.ts";
import { Service, startCoordinator, startWorker, type Cluster } from "../cluster/processes.ts";
import { root, stepwell, temporaryFolder } from "../command.ts";
import { documentedEvents, type DocumentedEvent } from "./documented.ts";

const options = { timeout: 90_000 };

/** Fields of every line. */
const everywhere: readonly string[] = ["time", "level", "service", "version", "instance_id", "pid", "host", "event", "msg"];

/** What takes damage, or an unlikely moment, that this test does not make. */
const unseen: ReadonlySet<string> = new Set(
  `run.adopted run.notAdopted run.conflict run.stopped run.release task.returned task.backstop
   task.notStarted decision.refused outcome.refused worker.drainLate worker.reserved blobs.refused blobs.notSigned
   service.late ledger.append queue.take queue.publish queue.depth queue.complaint queue.poison
   auth.off audit.lost logs.dropped http.failed log.heldBack worker.returning worker.slept
   attempt.revoked cache.shrunk worker.gaveUp store.slow tls.expiring tls.renewed tls.notRenewed worker.superfluous worker.spotNotice worker.spotUnknown`.split(
    /\s+/,
  ),
);

test("each event that the source names is in the table, and none else", () => {
  const named = new Set<string>();
  for (const file of globSync(["coordinator/**/*.ts", "worker/**/*.ts", "cli/**/*.ts"], { cwd: root })) {
    if (file.endsWith(".test.ts") || file.includes("/live/")) continue;
    for (const [, text = ""] of readFileSync(join(root, file), "utf8").matchAll(/\bevent(?::| =) ((?:[^,;]|"[^"]*")+)/g))
      for (const [, event = ""] of text.matchAll(/"(audit|[a-z]+\.[a-zA-Z]+)"/g)) named.add(event);
  }
  assert.deepEqual([...named].sort(), [...new Set(documentedEvents.map(({ event }) => event))].sort());
});

const secrets = {
  parameter: `par-${randomBytes(12).toString("hex")}`,
  nats: `nats-${randomBytes(12).toString("hex")}`,
};

const flow = `import { FlowSpec, current, parameter, step, retry, catchError, type Inputs } from "stepwell";
export class LogFlow extends FlowSpec {
  word = parameter.string({ secret: true });
  mode = parameter.string({ default: "" });
  declare items: number[];
  declare trouble?: Error;
  @step start() {
    console.log("with", this.word);
    this.items = [1, 2];
    return this.next(this.work, { foreach: "items" });
  }
  @retry({ times: 1, minutesBetween: 0.001 })
  @catchError({ var: "trouble" })
  @step async work(item: number) {
    if (item === 1) throw new Error("with " + this.word);
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    return this.next(this.last);
  }
  @step async last() {
    if (this.mode === "fail") throw new Error("at last " + this.word);
    console.log("it has begun");
    while (this.mode === "wait") await new Promise((resolve) => setTimeout(resolve, 20));
    return this.next(this.end);
  }
  @step end() {}
}
`;

type Said = { readonly service: Service; readonly name: string };

async function command(cluster: Cluster, args: readonly string[]): Promise<string> {
  const env = { ...cluster.env, STEPWELL_LOG_LEVEL: "debug", STEPWELL_PARAM_WORD: secrets.parameter };
  const ran = await stepwell(cluster.folder, args, { env });
  assert.equal(ran.code, 0, `${args.join(" ")}: ${ran.stderr}`);
  return `${ran.stdout}${ran.stderr}`;
}

function run(cluster: Cluster, mode: string): Promise<string> {
  return command(cluster, ["run", "log.ts", "--mode", mode, "--detach"]);
}

/** Something of everything that a cluster does. */
async function liveThrough(cluster: Cluster, nats: NatsServer): Promise<readonly string[]> {
  const { coordinator } = cluster;
  const said = [await run(cluster, ""), await run(cluster, "fail")];
  await coordinator.event("run.finished", 1);
  said.push(await command(cluster, ["retry", "LogFlow/2", "--detach"]), await command(cluster, ["tag", "add", "LogFlow/1", "good"]));
  await coordinator.event("run.finished", 2);
  said.push(await command(cluster, ["resume", "LogFlow/2", "--mode", "x", "--detach"]));
  said.push(await command(cluster, ["gc", "--keep-last", "1", "--keep-days", "0", "--namespace", ""]));
  await nats.kill();
  await coordinator.event("queue.down");
  said.push(await command(cluster, ["doctor"]));
  await nats.start();
  await coordinator.event("queue.up");
  said.push(await run(cluster, "wait"));
  return said;
}

/** The worker that runs the task dies; its run is cancelled elsewhere; another one is sent away. */
async function loseWorkers(cluster: Cluster, workers: Service[]): Promise<readonly string[]> {
  const { coordinator } = cluster;
  const waiting = async (): Promise<string> => {
    for (let index = 0; ; index += 1) {
      const line = await coordinator.event("lease.granted", index);
      if (line["step"] === "last" && line["run_id"] === "LogFlow/4") return String(line["worker_id"]);
    }
  };
  const holder = await waiting();
  // Its worker is known to have it, or it would go back at nobody's expense.
  while (!(await command(cluster, ["logs", "LogFlow/4/last"])).includes("it has begun")) continue;
  for (const worker of workers) if ((await worker.event("worker.welcomed"))["worker_id"] === holder) worker.signal("SIGKILL");
  await coordinator.event("worker.lost");
  const said = [await command(cluster, ["cancel", "LogFlow/4"])];
  const left = workers.find(({ child }) => !child.killed);
  assert.ok(left !== undefined);
  said.push(await command(cluster, ["worker", "drain", String((await left.event("worker.welcomed"))["worker_id"])]));
  await left.ended();
  return said;
}

test("what a cluster logs is what the table says, level by level and field by field; no secret is in it", options, async () => {
  await using nats = await natsWith(secrets.nats);
  using folder = temporaryFolder();
  folder.write("log.ts", flow);
  folder.write("stepwell.config.json", JSON.stringify({ logLevel: "debug" }));
  const words = [
    "--listen",
    "127.0.0.1:0",
    "--http",
    "127.0.0.1:0",
    "--nats",
    nats.server.url,
    "--store",
    `file:${join(folder.path, "blobs")}`,
  ];
  const cluster = await withNatsToken(() => startCoordinator(folder.path, words));
  await using coordinator = cluster.coordinator;
  // Without it the first worker doesn't know the folder, and artifacts go through a cache.
  const mark = join(folder.path, "blobs", "mark");
  renameSync(mark, `${mark}-away`);
  await using first = await startWorker(cluster, 0, ["--http", "127.0.0.1:0"]);
  await first.event("cache.opened");
  renameSync(`${mark}-away`, mark);
  await using second = await startWorker(cluster, 1);
  const token = readFileSync(join(folder.path, "data", "admin-token"), "utf8").trim();
  await using stranger = new Service(["worker"], { cwd: folder.path, env: { ...cluster.env, STEPWELL_TOKEN: `${token.slice(0, -3)}abc` } });
  await stranger.ended();
  const made = await command(cluster, ["token", "create", "--role", "worker", "--pool", "gpu", "--json"]);
  const { token: ofGpu } = JSON.parse(made) as { readonly token: string };
  await using misplaced = new Service(["worker"], { cwd: folder.path, env: { ...cluster.env, STEPWELL_TOKEN: ofGpu } });
  await misplaced.ended();
  const outputs = [...(await liveThrough(cluster, nats.server)), ...(await loseWorkers(cluster, [first, second]))];
  coordinator.signal("SIGTERM");
  await coordinator.ended();

  const services: readonly Said[] = [
    { service: coordinator, name: "coordinator" },
    { service: first, name: "worker" },
    { service: second, name: "worker" },
    { service: stranger, name: "worker" },
    { service: misplaced, name: "worker" },
  ];
  for (const secret of [secrets.parameter, secrets.nats, token, `${token.slice(0, -3)}abc`, ofGpu])
    for (const text of [...outputs, ...services.map(({ service }) => service.text)])
      assert.ok(!text.includes(secret), `${secret} in ${text}`);
  const seen = new Set<string>();
  for (const { service, name } of services) for (const event of checkLines(service.text, name)) seen.add(event);
  const documented = new Set(documentedEvents.map(({ event }) => event));
  // Those of launches have a test of their own, where there are some.
  const missing = [...documented].filter((event) => !seen.has(event) && !unseen.has(event) && !event.startsWith("launch."));
  assert.deepEqual(missing, [], "documented, and not logged by any of these processes");
});

/** Returns the events of a process's lines, each of which is as the table says. */
function checkLines(text: string, name: string): readonly string[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const fields = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const event = String(fields["event"]);
    const rows = documentedEvents.filter((row) => row.event === event);
    assert.ok(
      rows.some((row) => fits(row, fields)),
      `as the table says: ${line}`,
    );
    assert.equal(fields["service"], name);
    assert.deepEqual(
      everywhere.filter((field) => !(field in fields)),
      [],
      line,
    );
    assert.match(String(fields["time"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    // A parser keeps one of two fields of the same name.
    assert.equal(JSON.stringify(fields), line.trim(), "each field once");
    return event;
  });
}

function fits({ levels, fields }: DocumentedEvent, said: Readonly<Record<string, unknown>>): boolean {
  const known = [...everywhere, ...fields];
  return levels.includes(String(said["level"])) && Object.keys(said).every((field) => known.includes(field));
}

async function natsWith(token: string): Promise<{ readonly server: NatsServer } & AsyncDisposable> {
  const server = await NatsServer.start({ config: `authorization { token: "${token}" }` });
  return { server, [Symbol.asyncDispose]: () => server.close() };
}

/** The variable is for the coordinator alone. */
async function withNatsToken<T>(start: () => Promise<T>): Promise<T> {
  process.env["STEPWELL_NATS_TOKEN"] = secrets.nats;
  try {
    return await start();
  } finally {
    delete process.env["STEPWELL_NATS_TOKEN"];
  }
}
