// Deleting what nobody needs any more, by the command.

import assert from "node:assert/strict";
import { readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Project } from "./project.ts";

const options = { timeout: 60_000 };

const flow = `import { FlowSpec, step, current } from "stepwell";
export class BigFlow extends FlowSpec {
  declare big: string;
  declare small: number;
  @step start() { return this.next(this.end); }
  @step end() { console.log("made"); this.big = current.run.repeat(2000); this.small = 7; }
}
`;

/** As if all that is stored had been stored three days ago. */
function age(project: Project): void {
  const past = new Date(Date.now() - 3 * 24 * 60 * 60 * 1000);
  for (const path of filesIn(project)) utimesSync(path, past, past);
}

function filesIn(project: Project): readonly string[] {
  const root = join(project.folder, ".stepwell/artifacts");
  const all = readdirSync(root, { recursive: true, encoding: "utf8" }).map((name) => join(root, name));
  return all.filter((path) => statSync(path).isFile());
}

void test("runs that no rule keeps give up their artifacts: sizes first, then the deed, and whoever asks is told", options, async () => {
  using project = new Project();
  project.write("big.ts", flow);
  for (let runs = 0; runs < 3; runs += 1) await project.ask("run big.ts -q");
  // The package, and what each run made.
  assert.equal(filesIn(project).length, 4);
  assert.match(
    await project.ask("gc --keep-last 1"),
    /^gave up the artifacts of 2 runs: BigFlow\/2, BigFlow\/1\ndeleted 0 blobs \(0 B\)\nkept 2 blobs .* of 1 run\nleft 2 blobs .* less than 48 hours ago/,
  );
  age(project);
  const dry = await project.ask("gc --dry-run");
  assert.match(dry, /^would delete 2 blobs \(\d+\.\d KiB\)\nkept 2 blobs/);
  assert.equal(filesIn(project).length, 4);
  const done = JSON.parse(await project.ask("gc --json")) as { readonly deleted: { readonly blobs: number }; readonly keptRuns: number };
  assert.deepEqual([done.deleted.blobs, done.keptRuns, filesIn(project).length], [2, 1, 2]);

  assert.match(await project.ask("get BigFlow/3/end/0/big"), /BigFlow\/3BigFlow\/3/);
  assert.equal(await project.ask("get BigFlow/1/end/0/small"), "7\n");
  const gone = await project.say("get BigFlow/1/end/0/big");
  assert.equal(gone.exit, 3);
  assert.match(
    gone.err,
    /artifact big of BigFlow\/1\/end\/0 cannot be read[^]*the artifacts of BigFlow\/1 were deleted by stepwell gc on \d{4}-\d\d-\d\d/,
  );
  const resumed = await project.say("resume BigFlow/1");
  assert.match(resumed.err, /the artifacts of BigFlow\/1 were collected as garbage: run its flow anew/);
  assert.match(await project.ask("logs BigFlow/3"), /made\n/);
  assert.doesNotMatch(await project.ask("logs BigFlow/1"), /made/);
});

void test("output may stay, and what a rule expects is checked", options, async () => {
  using project = new Project();
  project.write("big.ts", flow);
  await project.ask("run big.ts -q --tag release");
  assert.match(await project.ask("gc --keep-days 0 --keep-tag release"), /^deleted 0 blobs/);
  assert.match(await project.ask("gc --keep-days 0 --keep-logs"), /^gave up the artifacts of 1 run: BigFlow\/1/);
  assert.match(await project.ask("logs BigFlow/1"), /made\n/);
  assert.match((await project.say("gc --keep-days soon")).err, /--keep-days is a number of days, not "soon"/);
});
