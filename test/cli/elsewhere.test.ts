// A run that one command drives, seen and ended from another.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Project } from "./project.ts";

const options = { timeout: 60_000 };

/** Its tasks write one line and then go on until they are stopped, with or without letting go of their thread. */
const flow = (loop: string) => `import { FlowSpec, step, type Inputs } from "stepwell";
export class EndlessFlow extends FlowSpec {
  declare items: number[];
  @step start() {
    this.items = [1, 2];
    return this.next(this.work, { foreach: "items" });
  }
  @step async work(item: number) {
    console.log("working on", item);
    ${loop}
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) { return this.next(this.end); }
  @step end() {}
}
`;

const waits = "await new Promise((resolve) => setTimeout(resolve, 600_000));";
const spins = "for (;;);";

async function until(what: () => boolean, told: () => string): Promise<void> {
  const untilMs = performance.now() + 20_000;
  while (!what()) {
    assert.ok(performance.now() < untilMs, `it never came to that:\n${told()}`);
    await sleep(20);
  }
}

for (const [name, loop] of [
  ["waits", waits],
  ["blocks its thread", spins],
] as const) {
  void test(`a run whose step ${name} is watched and cancelled from elsewhere`, options, async () => {
    using project = new Project();
    project.write("endless.ts", flow(loop));
    const run = project.begin("run endless.ts --max-workers 2 --run-id-file id.txt");
    await until(
      () => /work\/0 \| working/.test(run.said.out) && /work\/1 \| working/.test(run.said.out),
      () => run.said.out + run.said.err,
    );
    assert.equal(readFileSync(join(project.folder, "id.txt"), "utf8"), "EndlessFlow/1\n", "the name is there while it runs");
    assert.match(await project.ask("status latest"), /work +running +0\/2/);
    assert.equal(await project.ask("runs --status running -q"), "EndlessFlow/1\n");

    const watched = project.begin("status latest --watch");
    const followed = project.begin("logs latest/work --follow --grep [12]$");
    await until(
      () => followed.said.out.split("\n").length > 2 && watched.said.out.includes("start/0 task ok"),
      () => followed.said.out + watched.said.out,
    );

    assert.equal(await project.ask("cancel latest"), "EndlessFlow/1  cancelling\n");
    const ended = await run.ended;
    assert.equal(ended.exit, 1);
    assert.match(ended.out, /run cancelling by="ana"\n/);
    assert.match(
      ended.out,
      /■ EndlessFlow\/1 cancelled after .* 2 cancelled · 2 steps not started\n {2}resume: stepwell resume EndlessFlow\/1/,
    );

    const seen = await watched.ended;
    assert.equal(seen.exit, 1, "who watches hears how it ended");
    assert.match(seen.out, /work\/0 task cancelled\n[^]*■ EndlessFlow\/1 cancelled after/);
    const logged = await followed.ended;
    assert.deepEqual(
      [logged.exit, logged.out.trimEnd().split("\n").toSorted()],
      [0, ["work/0    #0 stdout | working on 1", "work/1    #0 stdout | working on 2"]],
    );
    assert.equal((await project.say("cancel latest")).exit, 6, "it cannot be cancelled again");
  });
}

void test("a tag is given to a run while it runs, by who drives it", options, async () => {
  using project = new Project();
  project.write("endless.ts", flow(waits));
  const run = project.begin("run endless.ts -o jsonl");
  await until(
    () => run.said.out.includes('"task.started"'),
    () => run.said.out + run.said.err,
  );
  assert.equal(await project.ask("tag add latest good"), "good\n");
  await project.ask("cancel EndlessFlow -q");
  const events = (await run.ended).out.trimEnd().split("\n");
  const tagged = events
    .map((line) => JSON.parse(line) as { event: string; add?: string[] })
    .filter(({ event }) => event === "run.tagsChanged");
  assert.deepEqual(
    tagged.map(({ add }) => add),
    [["good"]],
  );
});

void test("of several runs, those that can be are cancelled, and the exit code says that not all were", options, async () => {
  using project = new Project();
  project.write("endless.ts", flow(waits));
  const run = project.begin("run endless.ts -q");
  await until(
    () => existsSync(join(project.folder, ".stepwell/ledger.db")),
    () => run.said.err,
  );
  while ((await project.ask("runs --status running -q")) === "") await sleep(20);
  const { exit, out } = await project.say("cancel EndlessFlow/1 EndlessFlow/7");
  assert.equal(exit, 7);
  assert.match(out, /^EndlessFlow\/1 {2}cancelling\nEndlessFlow\/7 {2}not cancelled: there is no run EndlessFlow\/7/);
  assert.equal((await run.ended).exit, 1);
});
