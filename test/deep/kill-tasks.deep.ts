// Single task processes are killed, stopped and continued at random moments, while a run goes on. SEED=… plays another series.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../simulation/random.ts";
import { pause, Place, until } from "../chaos/started.ts";

const seed = Number(process.env["SEED"] ?? 1);
const elements = 24;

const flow = `
import { appendFileSync } from "node:fs";
import { FlowSpec, current, step, type Inputs } from "stepwell";
const tell = (file: string, line: unknown) => appendFileSync(process.env["PLACE"] + "/" + file, line + "\\n");
export class HuntedFlow extends FlowSpec {
  declare items: number[];
  declare blob: Uint8Array;
  declare total: number;
  @step start() {
    this.items = Array.from({ length: ${elements} }, (_, index) => index);
    return this.next(this.work, { foreach: "items" });
  }
  @step async work(item: number) {
    tell("began", process.pid);
    this.blob = new Uint8Array(3_000_000).fill(item);
    await new Promise((resolve) => setTimeout(resolve, 60));
    tell("returned", current.task);
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.total = inputs.filter((input, index) => input.blob.length === 3_000_000 && input.blob.every((byte) => byte === index)).length;
    return this.next(this.end);
  }
  @step end() {}
}
`;

void test(`task processes killed and stopped at moments of seed ${seed} cost attempts, never results`, { timeout: 600_000 }, async () => {
  using place = new Place();
  place.write("flow.ts", flow);
  const random = new Random(seed);
  const started = place.start("run", "flow.ts", "--max-workers", "3", "--with", "retry:times=100,minutesBetween=0", "--json");
  let ended = false;
  void started.ended.then(() => (ended = true));
  let hit = 0;
  for (let count = 1; count <= 40; count += 1) {
    await until("another attempt", () => ended || place.lines("began").length >= count);
    if (ended) break;
    await pause(random.below(120));
    const pid = Number(place.lines("began").at(-1));
    if (random.chance(0.7)) hit += Number(signal(pid, "SIGKILL"));
    else if (signal(pid, "SIGSTOP")) {
      await pause(random.below(300));
      signal(pid, "SIGCONT");
    }
  }
  const ran = await started.ended;
  assert.equal(ran.code, 0, ran.stderr);
  assert.ok(hit > 0, "nothing was hit");
  assert.equal((await place.run("get", "HuntedFlow/1/end/0/total")).stdout, `${elements}\n`);
  const accepted = await place.reading(async ({ control }) => {
    const run = (await control.runs({ namespace: null, limit: 1 })).items[0]!.run;
    return (await control.tasks(run, { limit: 100 })).items.map(
      ({ attempts }) => attempts.filter(({ outcome }) => outcome === "succeeded").length,
    );
  });
  assert.deepEqual(new Set(accepted), new Set([1]));
  await place.assertNothingLeft();
});

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false; // It has ended.
  }
}
