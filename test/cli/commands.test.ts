// The commands end to end, on a ledger, a worker and task processes of their own.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { main } from "../../cli/main.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-commands-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const options = { timeout: 60_000 };

const flow = (broken: boolean) => `import { FlowSpec, parameter, step, type Inputs } from "stepwell";
export class SumFlow extends FlowSpec {
  limit = parameter.integer({ default: 2 });
  declare items: number[];
  declare square: number;
  declare sum: number;
  @step start() {
    this.items = [1, 2, 3];
    return this.next(this.work, { foreach: "items" });
  }
  @step work(item: number) {
    console.log("working on", item);
    ${broken ? 'if (item > this.limit) throw new RangeError("too large");' : ""}
    this.square = item * item;
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.sum = inputs.map((input) => input.square).reduce((a, b) => a + b, 0);
    return this.next(this.end);
  }
  @step end() {}
}
`;
const file = join(folder, "sum.ts");
writeFileSync(file, flow(true));

async function say(line: string): Promise<{ readonly exit: number; readonly out: string; readonly err: string }> {
  const said = { out: "", err: "" };
  const stream = (name: "out" | "err") => ({
    write: (chunk: string | Uint8Array) => {
      said[name] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
      return true;
    },
    once: () => undefined,
  });
  const env = { STEPWELL_USER: "ana", XDG_CONFIG_HOME: folder };
  const exit = await main({ words: line.split(" "), env, cwd: folder, stdout: stream("out"), stderr: stream("err"), version: "1.2.3" });
  return { exit, ...said };
}

void test("what runs can be watched, looked at, taken up, and compared", options, async (t) => {
  await t.test("a failing run ends with 1, the author's own line, and what to type next", async () => {
    const { exit, out } = await say("run sum.ts --tag nightly --run-id-file id.txt --max-workers 2");
    assert.equal(exit, 1);
    assert.equal(readFileSync(join(folder, "id.txt"), "utf8"), "SumFlow/1\n");
    assert.match(out, /^work\/0 \| working on 1$/m);
    assert.match(out, /SumFlow\/1\/work\/2 task FAILED attempt=1 error="RangeError: too large" at=sum\.ts:13:\d+/);
    assert.match(out, /✗ SumFlow\/1 failed after .* 3 ok · 1 failed · 2 steps not started\n {2}work\/2 {3}RangeError: too large\n/);
    assert.match(out, / {2}> {2}13 \| {5}if \(item > this\.limit\) throw new RangeError\("too large"\);\n/);
    assert.doesNotMatch(out, /attempt 0 failed/, "the failure is shown once");
    assert.match(out, / {2}resume: stepwell resume SumFlow\/1 {6}reuses 3 finished tasks\n$/);
  });

  await t.test("its status, its logs, its artifacts", async () => {
    assert.match((await say("status latest --failed")).out, /work +failed +2\/3 +1 +0/);
    assert.equal((await say("status SumFlow/1 --exit-status -q")).exit, 1);
    assert.equal((await say("logs SumFlow/1/work/1")).out, "working on 2\n");
    assert.equal((await say("logs latest --grep on.[13]")).out, "work/0    #0 stdout | working on 1\nwork/2    #0 stdout | working on 3\n");
    assert.match(
      (await say("logs SumFlow/1/work/2")).out,
      /^working on 3\nstepwell: attempt 0 failed: RangeError: too large\nstepwell: +at SumFlow\.work \(sum\.ts:13:\d+\)\n$/,
    );
    assert.match((await say("artifacts SumFlow/1/work/1")).out, /^square +number .* here$/m);
    assert.equal((await say("get SumFlow/1/work/1/square --json")).out, "4\n");
    assert.equal((await say("get SumFlow/1/start/0/items --json")).out, "[1,2,3]\n");
    assert.equal((await say("runs --status failed --tag nightly -q")).out, "SumFlow/1\n");
  });

  await t.test("what doesn't exist ends with 3 and a hint", async () => {
    for (const [line, text] of [
      ["status SumFlow/9", /the newest run of SumFlow is SumFlow\/1/],
      ["status SunFlow/1", /did you mean "SumFlow"/],
      ["logs SumFlow/1/wrk", /did you mean "work"/],
      ["get SumFlow/1/work/0/sqare", /did you mean "square"/],
      ["runs SunFlow", /did you mean "SumFlow"/],
    ] as const) {
      const { exit, err } = await say(line);
      assert.deepEqual([line, exit], [line, 3]);
      assert.match(err, text);
    }
    assert.equal((await say("cancel SumFlow/1")).exit, 6, "what has ended cannot be cancelled");
  });

  await t.test("a resumed run reuses what is unchanged, and the plan says so before", async () => {
    const plan = await say("resume --dry-run");
    assert.match(plan.out, /reuse {3}start, work 2\/3 .*\n {2}run {5}work 1\/3 \(2\), join, end\n/);
    writeFileSync(file, flow(false));
    const changed = await say("resume SumFlow/1 --dry-run");
    assert.match(changed.out, /reuse {3}start .*\n {2}run {5}work 3\/3, join, end\n/);
    assert.match(changed.out, /changed sum\.ts step `work` differs/);
    const { exit, out } = await say("resume SumFlow/1 --json");
    const document = JSON.parse(out) as { run: string; status: string; originRun: string; tasks: { succeeded: number; reused: number } };
    assert.equal(exit, 0);
    assert.match(out, /^\{"run":"SumFlow\/2","status":"succeeded",/);
    assert.deepEqual([document.originRun, document.tasks.succeeded, document.tasks.reused], ["SumFlow/1", 6, 1]);
    assert.equal((await say("get SumFlow/latest/end/0/sum")).out, "14\n");
  });

  await t.test("a failed run goes on in place with the code that it was made of", async () => {
    const { exit, out } = await say("resume --in-place SumFlow/1");
    assert.equal(exit, 1);
    assert.match(out, /^\S+ SumFlow\/1 run goes on by="ana"$/m);
    assert.doesNotMatch(out, /^work\/[01] \|/m, "what was printed before is not printed again");
    assert.equal(out.match(/^work\/2 \| working on 3$/gm)?.length, 1);
    assert.match(out, /✗ SumFlow\/1 failed \S+ after it was taken up {3}3 ok · 1 failed/);
    assert.match((await say("status SumFlow/1")).out, /work +failed +2\/3 +1 +1/);
  });

  await t.test("a run that the newest one already finished is reused as a whole", async () => {
    const lines = (await say("resume latest end -o jsonl")).out.trimEnd().split("\n");
    const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
    assert.deepEqual([events[0], events.at(-1)], ["run.submitted", "run.finished"]);
    assert.equal(events.filter((event) => event === "task.succeeded").length, 1);
  });

  await t.test("JSON lines hold every event and every line of output, whatever the number of tasks", async () => {
    writeFileSync(
      join(folder, "wide.ts"),
      flow(false).replace("SumFlow", "WideFlow").replace("[1, 2, 3]", "Array.from({ length: 25 }, (_, i) => i)"),
    );
    const events = (await say("run wide.ts -o jsonl")).out.trimEnd().split("\n");
    const count = (name: string) => events.filter((line) => (JSON.parse(line) as { event: string }).event === name).length;
    assert.deepEqual([count("task.started"), count("task.succeeded"), count("log")], [28, 28, 25]);
    const { out } = await say("run wide.ts");
    assert.equal(out.match(/^work\/\d+ \| working on/gm)?.length, 10);
    assert.match(out, /output of further work tasks is kept but not shown: stepwell logs WideFlow\/2\/work/);
  });

  await t.test("a path that names no artifact is answered with one that does", async () => {
    for (const [line, hint] of [
      ["get SumFlow/2/sum", /stepwell get SumFlow\/2\/end\/0\/sum;/],
      ["get SumFlow/2/end/0", /stepwell get SumFlow\/2\/end\/0\/\w+; artifacts: .*sum/],
      ["get SumFlow/2", /stepwell get SumFlow\/2\/end\/0\/\w+; artifacts: .*sum/],
      ["get SumFlow/2/work", /name one, like SumFlow\/2\/work\/0/],
    ] as const) {
      const { exit, err } = await say(line);
      assert.deepEqual([line, exit], [line, 2]);
      assert.match(err, hint);
    }
  });

  await t.test("two runs side by side", async () => {
    const { out } = await say("compare SumFlow/1 SumFlow/2 --diff-only --artifacts");
    assert.match(out, /≠ {2}status +failed +succeeded/);
    assert.match(out, /≠ {2}artifact sum +- +number/);
  });

  await t.test("a run out of time ends with 124, cancelled", async () => {
    writeFileSync(
      join(folder, "slow.ts"),
      flow(false)
        .replace("SumFlow", "SlowFlow")
        .replace("@step end() {}", "@step async end() { await new Promise((resolve) => setTimeout(resolve, 60_000)); }"),
    );
    const { exit, out } = await say("run slow.ts --timeout 2s");
    assert.equal(exit, 124);
    assert.match(out, /run cancelling by="--timeout 2s"/);
    assert.match(out, /■ SlowFlow\/1 cancelled/);
  });
});
