// The list of runs: what filters it, and how it goes on where it was cut.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Project } from "./project.ts";

const options = { timeout: 60_000 };
const project = new Project();

const flow = `import { FlowSpec, parameter, step } from "stepwell";
export class OddFlow extends FlowSpec {
  number = parameter.integer({ default: 1 });
  @step start() {
    if (this.number % 2 === 0) throw new Error("even");
    return this.next(this.end);
  }
  @step end() {}
}
`;

/** OddFlow/1 to 5, of which the even ones fail, and one run of another flow. */
before(async () => {
  project.write("odd.ts", flow);
  project.write("other.ts", flow.replace("OddFlow", "OtherFlow"));
  for (let number = 1; number <= 5; number += 1) await project.say(`run odd.ts -q --number ${number} --tag n${number}`);
  await project.ask("run other.ts -q");
});
after(() => project[Symbol.dispose]());

async function listed(line: string): Promise<readonly string[]> {
  return (await project.ask(`runs -q ${line}`)).split("\n").filter((name) => name !== "");
}

void test("newest first, of all flows or of one", options, async () => {
  assert.deepEqual(await listed(""), ["OtherFlow/1", "OddFlow/5", "OddFlow/4", "OddFlow/3", "OddFlow/2", "OddFlow/1"]);
  assert.deepEqual(await listed("OtherFlow"), ["OtherFlow/1"]);
});

void test("by status, where several mean any of them", options, async () => {
  assert.deepEqual(await listed("--status failed"), ["OddFlow/4", "OddFlow/2"]);
  assert.deepEqual(await listed("OddFlow --status succeeded --status failed --limit 2"), ["OddFlow/5", "OddFlow/4"]);
  assert.deepEqual(await listed("--status running"), []);
});

void test("by tag, where several mean all of them", options, async () => {
  assert.deepEqual(await listed("--tag n2"), ["OddFlow/2"]);
  assert.deepEqual(await listed("--tag n2 --tag user:ana"), ["OddFlow/2"]);
  assert.deepEqual(await listed("--tag n2 --tag n3"), []);
});

void test("by time, ago or at a moment", options, async () => {
  const { runs } = JSON.parse(await project.ask("runs OddFlow --json")) as { runs: { run: string; submittedAt: string }[] };
  const third = runs.find(({ run }) => run === "OddFlow/3");
  assert.deepEqual(await listed(`OddFlow --since ${third?.submittedAt}`), ["OddFlow/5", "OddFlow/4", "OddFlow/3"]);
  assert.deepEqual(await listed(`OddFlow --until ${third?.submittedAt}`), ["OddFlow/2", "OddFlow/1"]);
  assert.equal((await listed("--since 1h")).length, 6);
  assert.deepEqual(await listed("--until 1h"), []);
});

void test("a list that was cut says so, and goes on where it was cut", options, async () => {
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const line: string = `runs OddFlow --limit 2 --json${cursor === null ? "" : ` --cursor ${cursor}`}`;
    const page = JSON.parse(await project.ask(line)) as { runs: { run: string }[]; total: number; next: string | null };
    assert.equal(page.total, 5);
    seen.push(...page.runs.map(({ run }) => run));
    cursor = page.next;
  } while (cursor !== null);
  assert.deepEqual(seen, ["OddFlow/5", "OddFlow/4", "OddFlow/3", "OddFlow/2", "OddFlow/1"]);
  const { err } = await project.say("runs OddFlow --limit 2");
  assert.match(err, /^2 of 5 runs in namespace user:ana \(all: --namespace=\) · older: add --cursor \S+\n$/);
});
