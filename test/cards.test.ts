// Cards and progress on runs that real processes made: from a step to the command line and the client.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { disconnect, Flow, type Run } from "../cli/client.ts";
import { root, stepwell, temporaryFolder } from "./command.ts";

const folder = temporaryFolder();
const file = join(root, "test/flows/cards.flow.ts");
const options = { timeout: 60_000 };
const settings = { env: { STEPWELL_DIR: join(folder.path, ".stepwell"), STEPWELL_USER: "ana" } };
let ran: Awaited<ReturnType<typeof stepwell>>;
let run: Run;

function command(...args: readonly string[]): ReturnType<typeof stepwell> {
  return stepwell(folder.path, args, settings);
}

before(async () => {
  Object.assign(process.env, settings.env);
  ran = await command("run", file);
  run = await new Flow("CardFlow").run(1);
}, options);
after(async () => {
  await disconnect();
  folder[Symbol.dispose]();
});

test("what a step appended to its card is read as data, also where its failure was caught", async () => {
  const metric = (value: number) => ({ kind: "metric", label: "square", value, change: null });
  assert.equal(run.status, "succeeded");
  assert.deepEqual((await run.task("start/0")).card, [{ kind: "markdown", text: "# Start" }]);
  assert.deepEqual((await run.task("work/0")).card, [{ kind: "markdown", text: "## Item 1" }, metric(1)]);
  const caught = await run.task("work/1");
  assert.equal(caught.caught, true);
  assert.deepEqual(caught.card, [{ kind: "markdown", text: "## Item 2" }, metric(4)]);
});

test("a card belongs to its task: those after it have none, and it stands in no merge's way", async () => {
  for (const task of ["join/0", "end/0"]) {
    assert.equal((await run.task(task)).card, null);
    assert.equal(await (await run.task(task)).cardHtml(), null);
    assert.ok(!("_card" in (await run.task(task)).data));
  }
  assert.ok(!("_card" in run.data));
  assert.deepEqual(Object.keys((await run.task("work/0")).data).includes("_card"), false);
});

test("a resumed run takes cards over", options, async () => {
  assert.equal((await command("run", file, "--broken")).code, 1);
  const resumed = await command("resume", "CardFlow/2", "join", "--broken=false");
  assert.equal(resumed.code, 0, resumed.stdout + resumed.stderr);
  const task = await (await new Flow("CardFlow").run(3)).task("work/0");
  assert.equal(task.originPathspec, "CardFlow/2/work/0");
  assert.deepEqual(task.card, (await run.task("work/0")).card);
});

test("the command shows a card as text, as JSON, and as a page like the client's", options, async () => {
  assert.equal((await command("card", "CardFlow/1/work/0")).stdout, "## Item 1\n\nsquare  1\n");
  const json: unknown = JSON.parse((await command("card", "CardFlow/1/work/0", "--json")).stdout);
  assert.deepEqual(json, { task: "CardFlow/1/work/0", own: true, components: (await run.task("work/0")).card });
  const page = await (await run.task("work/0")).cardHtml();
  assert.equal((await command("card", "CardFlow/1/work/0", "--html")).stdout, page);
  const written = await command("card", "CardFlow/1/work/0", "--html", "--out", "card.html");
  assert.match(written.stderr, /^written to .*card\.html$/m);
  assert.equal(readFileSync(join(folder.path, "card.html"), "utf8"), page);
});

test("of several cards one has to be named; a step's only card needs no index", options, async () => {
  const several = await command("card", "CardFlow/1");
  assert.equal(several.code, 2);
  assert.match(several.stderr, /CardFlow\/1 has 3 cards/);
  assert.match(several.stderr, /name one: stepwell card CardFlow\/1\/start\/0, CardFlow\/1\/work\/0, CardFlow\/1\/work\/1/);
  assert.equal((await command("card", "CardFlow/1/start")).stdout, "# Start\n");
});

test("a task without a card shows what is known of it", options, async () => {
  const { stdout } = await command("card", "CardFlow/2/join/0");
  assert.match(stdout, /^status {2}failed$/m);
  assert.match(stdout, /^## Failure\n\n {4}Error: broken as asked\n {8}at CardFlow\.join \(/m);
  assert.match(stdout, /^ {4}> +\d+ \| +if \(this\.broken\) throw new Error\("broken as asked"\);$/m);
  assert.match(stdout, /^## Attempts\n\nattempt +outcome .*\n +0 +failed /m);
  assert.match(stdout, /^broken +true$/m);
  const { stdout: merged } = await command("card", "CardFlow/1/join/0");
  assert.match(merged, /^sum +number +.* here$/m);
  assert.doesNotMatch(merged, /_card/);
  const json = JSON.parse((await command("card", "CardFlow/1/end/0", "--json")).stdout) as { own: boolean };
  assert.equal(json.own, false);
});

test(
  "progress is told at once and at the end, not at each of thousands of calls, and never mixed with what was printed",
  options,
  async () => {
    const { stdout } = await command("logs", "CardFlow/1/work/0");
    const lines = stdout.trimEnd().split("\n");
    assert.equal(lines[0], "progress 0/20000 counting");
    assert.equal(lines.at(-1), "progress 20000/20000 counting");
    // One for each second that the loop took, and no loop of additions takes ten.
    assert.ok(lines.length >= 2 && lines.length < 10, stdout);
    assert.equal((await command("logs", "CardFlow/1/work/0", "--stdout")).stdout, "");
    assert.match(ran.stdout, /^work\/0 \| progress 20000\/20000 counting$/m);
    assert.match(ran.stdout, /^work\/1 \| progress 20000\/20000 counting$/m);
  },
);
