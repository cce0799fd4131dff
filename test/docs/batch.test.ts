// docs/batch.md is true: its flow compiles, runs, and is checked as the page shows; its tables name what there is, and all of it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import { settingNames } from "../../cli/setting-table.ts";
import { variableOf } from "../../cli/settings.ts";
import type { JobFailureKind } from "../../coordinator/ports/launcher.ts";
import { fargateSizes } from "../../proto/container.ts";
import { batchOptions } from "../../sdk/flow/batch-policy.ts";
import { bin, cleanEnvironment } from "../command.ts";
import { blocksOf, readMarkdown } from "./markdown.ts";
import { assertShows } from "./output.ts";
import { typeErrorsOf, writeProject } from "./project.ts";

const page = readMarkdown("docs/batch.md");
const blocks = blocksOf(page);
const flow = blocks.find(({ language }) => language === "ts");
const project = writeProject([{ name: flow?.note ?? "", text: flow?.text ?? "" }]);
after(() => project[Symbol.dispose]());

function stepwell(...args: readonly string[]): string {
  const ran = spawnSync(process.execPath, [bin, ...args], {
    cwd: project.path,
    encoding: "utf8",
    env: cleanEnvironment(),
    timeout: 50_000,
  });
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  return ran.stderr + ran.stdout;
}

/** The words in the first column of the table below `title`. */
function firstColumn(title: string): readonly string[] {
  const table = page.slice(page.indexOf(title)).split("\n\n")[0] ?? "";
  return [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = ""]) => [...cell.matchAll(/`(\w+)`/g)].map(([, word = ""]) => word));
}

test("the flow compiles, runs, and is checked as the page shows", { timeout: 60_000 }, () => {
  assert.equal(typeErrorsOf(project.path), "");
  const [, , ...args] = (blocks.find(({ language }) => language === "sh")?.text ?? "").trim().split(" ");
  assertShows(blocks.find(({ language }) => language === "text")?.text ?? "", stepwell(...args), "docs/batch.md");
  assert.match(stepwell("run", flow?.note ?? ""), /\[ 3, 3 \]/);
});

test("the page has every option of @batch, and every setting of Batch with its variable", () => {
  assert.deepEqual(firstColumn("| option of `@batch`").toSorted(), batchOptions.toSorted());
  const settings = settingNames.filter((name) => name.startsWith("batch"));
  const rows = [...page.matchAll(/^\| `(STEPWELL_BATCH_\w+)` \| `(\w+)` \|/gm)].map(([, variable, setting]) => [setting, variable]);
  assert.deepEqual(
    rows,
    settings.map((setting) => [setting, variableOf(setting)]),
  );
});

test("the page has every size of Fargate", () => {
  const rows = [...page.matchAll(/^\| ([\d.]+) \| (\d.*) \|$/gm)].map(([, vcpu, memories = ""]) => {
    const [first = 0, last = 0, step = 0] = memories.split(/ to | in steps of /).map(Number);
    const count = memories.includes("to") ? (last - first) / step + 1 : 0;
    return {
      vcpu: Number(vcpu),
      memoriesMiB: count > 0 ? Array.from({ length: count }, (_, at) => first + at * step) : memories.split(", ").map(Number),
    };
  });
  assert.deepEqual(rows, fargateSizes);
});

test("every kind of failure of a worker is told", () => {
  const kinds: Readonly<Record<JobFailureKind, true>> = {
    hostLost: true,
    outOfMemory: true,
    image: true,
    timeout: true,
    impossible: true,
    ended: true,
    exit: true,
  };
  assert.deepEqual(firstColumn("| what becomes of a worker"), Object.keys(kinds));
});
