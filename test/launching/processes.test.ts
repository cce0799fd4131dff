// A coordinator that launches workers as processes of this machine: from none to as many as its limits allow and back, and
// through the death of the coordinator while a launch is under way.

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import type { LaunchView } from "../../proto/launch.ts";
import { processesOf, stepwell, temporaryFolder } from "../command.ts";
import { documentedEvents } from "../watching/documented.ts";
import { Service } from "../cluster/processes.ts";

const options = { timeout: 90_000 };
const tasks = 200;

const flow = `import { FlowSpec, batch, step, type Inputs } from "stepwell";
export class ManyFlow extends FlowSpec {
  declare items: number[];
  declare square: number;
  declare sum: number;
  declare where: string;
  declare workers: string[];
  @step start() {
    this.items = Array.from({ length: ${tasks} }, (_, i) => i);
    return this.next(this.work, { foreach: "items" });
  }
  @step @batch({ cpu: 0.25, memory: 200, slots: 2 }) work(item: number) {
    this.square = item * item;
    this.where = process.env["AWS_BATCH_JOB_ID"] ?? "";
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.sum = inputs.map((input) => input.square).reduce((a, b) => a + b, 0);
    return this.next(this.end);
  }
  @step end() {}
}
`;
const sum = Array.from({ length: tasks }, (_, i) => i * i).reduce((a, b) => a + b, 0);

type Launching = { readonly folder: string; readonly env: Readonly<Record<string, string>>; coordinator: Service; address: string };

async function begin(folder: string, address = "127.0.0.1:0"): Promise<Launching> {
  const data = join(folder, "data");
  const words = ["--launcher", "process", "--launch-max", "2", "--launch-window-seconds", "0.2", "--launch-idle-seconds", "1"];
  const cache = { XDG_CACHE_HOME: join(folder, "cache") };
  const coordinator = new Service(["coordinator", "--data", data, "--listen", address, ...words], { cwd: folder, env: cache });
  const listening = await coordinator.event("coordinator.listening");
  const env = { ...cache, STEPWELL_COORDINATOR: String(listening["address"]), STEPWELL_TOKEN_FILE: join(data, "admin-token") };
  return { folder, env, coordinator, address: String(listening["address"]) };
}

async function launches({ folder, env }: Launching): Promise<readonly LaunchView[]> {
  const listed = await stepwell(folder, ["batch", "list", "--all", "--json"], { env });
  assert.equal(listed.code, 0, listed.stderr);
  return (JSON.parse(listed.stdout) as { readonly launches: readonly LaunchView[] }).launches;
}

async function toZero(launching: Launching): Promise<readonly LaunchView[]> {
  for (;;) {
    const all = await launches(launching);
    if (all.every(({ stage }) => stage === "over")) return all;
    await after(200);
  }
}

function folderFor(t: TestContext): ReturnType<typeof temporaryFolder> {
  const folder = temporaryFolder();
  t.after(() => folder[Symbol.dispose]());
  folder.write("many.ts", flow);
  return folder;
}

/** What was logged of launches is as the table of docs/operations.md says. */
function checkLines(text: string): void {
  const lines = text.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Readonly<Record<string, unknown>>] : []));
  const ofLaunches = lines.filter(({ event }) => String(event).startsWith("launch."));
  assert.ok(["launch.workerCame", "launch.over"].every((event) => ofLaunches.some((line) => line["event"] === event)));
  for (const line of ofLaunches) {
    const row = documentedEvents.find(({ event }) => event === line["event"]);
    assert.ok(row !== undefined && row.levels.includes(String(line["level"])), JSON.stringify(line));
    const named = Object.keys(line).filter((field) => !ofEveryLine.has(field));
    assert.deepEqual(
      named.filter((field) => !row.fields.includes(field)),
      [],
      JSON.stringify(line),
    );
  }
}

const ofEveryLine = new Set(["time", "level", "service", "version", "instance_id", "pid", "host", "event", "msg"]);

async function sumOf({ folder, env }: Launching): Promise<string> {
  const got = await stepwell(folder, ["get", "ManyFlow/1/end/0/sum", "--json"], { env });
  return got.stdout.trim();
}

describe("a coordinator with the process launcher", { concurrency: true }, () => {
  test("for a foreach of steps with @batch, workers come, and leave when nothing is left to do", options, async (t) => {
    const folder = folderFor(t);
    const launching = await begin(folder.path);
    await using coordinator = launching.coordinator;
    const ran = await stepwell(folder.path, ["run", "many.ts"], { env: launching.env });
    assert.equal(ran.code, 0, `${ran.stderr}\n${coordinator.text}`);
    assert.equal(await sumOf(launching), String(sum));
    const all = await toZero(launching);
    const workers = all.reduce((count, launch) => count + launch.count, 0);
    assert.ok(all.length >= 1 && workers <= 2, JSON.stringify(all));
    const where = await stepwell(folder.path, ["get", "ManyFlow/1/work/7/where", "--json"], { env: launching.env });
    assert.ok(
      all.some(({ job }) => job !== null && where.stdout.includes(job)),
      where.stdout,
    );
    coordinator.signal("SIGTERM");
    assert.equal(await coordinator.ended(), 0, coordinator.text);
    assert.deepEqual(processesOf(folder.path), []);
    checkLines(coordinator.text);
  });

  test(
    "a coordinator that dies while it launches takes its launch up again: no worker is doubled, and none is left",
    options,
    async (t) => {
      const folder = folderFor(t);
      const first = await begin(folder.path);
      const running = stepwell(folder.path, ["run", "many.ts"], { env: first.env });
      await first.coordinator.event("launch.planned");
      first.coordinator.signal("SIGKILL");
      await first.coordinator.ended();
      const second = await begin(folder.path, first.address);
      await using coordinator = second.coordinator;
      const ran = await running;
      assert.equal(ran.code, 0, `${ran.stderr}\n${coordinator.text}`);
      assert.equal(await sumOf(second), String(sum));
      const all = await toZero(second);
      assert.ok(all.length >= 1);
      coordinator.signal("SIGTERM");
      assert.equal(await coordinator.ended(), 0, coordinator.text);
      assert.deepEqual(processesOf(folder.path), []);
    },
  );
});
