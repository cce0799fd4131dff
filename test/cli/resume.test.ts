// What a resumed run takes over and what it runs again, as `stepwell resume` tells it before and does it then.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { Project } from "./project.ts";

const options = { timeout: 60_000 };

type Variant = { readonly work?: string; readonly scale?: string; readonly end?: string };

/** `start` makes 1 to 4; `work` refuses what is above `limit`; `scale` multiplies by `rate`. */
const flow = ({
  work = "",
  scale = "",
  end = "",
}: Variant = {}) => `import { FlowSpec, catchError, parameter, step, type Inputs } from "stepwell";
export class SumFlow extends FlowSpec {
  limit = parameter.integer({ default: 2 });
  rate = parameter.number({ default: 1 });
  declare items: number[];
  declare double: number;
  declare sum: number;
  declare failure?: Error;
  @step start() {
    this.items = [1, 2, 3, 4];
    return this.next(this.work, { foreach: "items" });
  }
  @step work(item: number) {
    if (item > this.limit) throw new RangeError("too large: " + item);
    this.double = item * 2;${work}
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.sum = inputs.map((input) => input.double).reduce((a, b) => a + b, 0);
    return this.next(this.scale);
  }
  @catchError({ var: "failure" })
  @step scale() {
    this.sum *= this.rate;${scale}
    return this.next(this.end);
  }
  @step end() {${end}}
}
`;

type Plan = {
  readonly origin: string;
  readonly steps: readonly { readonly step: string; readonly reuse: number; readonly run: number | null; readonly why: string | null }[];
  readonly changedSteps: readonly string[];
  readonly changedParameters: readonly string[];
};

class Resumable extends Project {
  async plan(line: string): Promise<Plan> {
    return JSON.parse(await this.ask(`resume ${line} --dry-run --json`)) as Plan;
  }

  /** `work 2+2`: of the step's tasks two are reused and two run. */
  async split(line: string): Promise<string> {
    return (await this.plan(line)).steps.map(({ step, reuse, run }) => `${step} ${reuse}+${run}`).join(", ");
  }

  /** Runs it, and tells how many tasks succeeded and how many of them were reused. */
  async resume(line: string): Promise<{ readonly run: string; readonly status: string; readonly ok: number; readonly reused: number }> {
    const { run, status, tasks } = JSON.parse((await this.say(`resume ${line} --json`)).out) as {
      run: string;
      status: string;
      tasks: { succeeded: number; reused: number };
    };
    return { run, status, ok: tasks.succeeded, reused: tasks.reused };
  }
}

void test("of a failed run, what succeeded is reused task by task, and the newest attempt counts", options, async (t) => {
  using project = new Resumable();
  project.write("sum.ts", flow());
  assert.equal((await project.say("run sum.ts")).exit, 1);

  await t.test("the plan tells what, and why not the rest", async () => {
    const { out } = await project.say("resume --dry-run");
    assert.equal(
      out,
      `Resume plan for SumFlow/1  (a new run)
  reuse   start, work 2/4      artifacts by reference, 0 B copied
  run     work 2/4 (2, 3), join, scale, end
  why     work: work/2 failed: RangeError: too large: 3
  why     join, scale, end: something before it runs again
`,
    );
    assert.equal((await project.ask("runs -q")).trimEnd(), "SumFlow/1", "a plan is no run");
  });

  await t.test("a changed step runs again with all its tasks, and what comes after it", async () => {
    project.write("sum.ts", flow({ work: " // the same, in other words\n    this.double += 0;" }));
    assert.equal(await project.split(""), "start 1+0, work 0+4, join 0+1, scale 0+1, end 0+1");
    assert.deepEqual((await project.plan("")).changedSteps, ["work"]);
    project.write("sum.ts", flow());
  });

  await t.test("what goes on from the resumed run, also without being named, redoes nothing", async () => {
    project.write("sum.ts", flow().replace("> this.limit", "> this.limit + 1"));
    assert.deepEqual(await project.resume("SumFlow/1"), { run: "SumFlow/2", status: "failed", ok: 4, reused: 1 });
    assert.equal(await project.split(""), "start 1+0, work 3+1, join 0+1, scale 0+1, end 0+1");
    assert.equal((await project.plan("")).origin, "SumFlow/2");
    assert.equal((await project.plan("SumFlow")).origin, "SumFlow/2");
    assert.deepEqual(await project.resume("SumFlow --limit 9"), { run: "SumFlow/3", status: "succeeded", ok: 8, reused: 1 });
    assert.equal(await project.ask("get SumFlow/3/end/0/sum"), "20\n");
  });

  await t.test("a new flow's run does not stand in the way of an older flow that is named", async () => {
    project.write("other.ts", flow().replace("SumFlow", "OtherFlow"));
    await project.say("run other.ts -q");
    assert.equal((await project.plan("")).origin, "OtherFlow/1");
    assert.equal((await project.plan("SumFlow")).origin, "SumFlow/3");
  });
});

void test("of a finished run, only what changed runs again", options, async (t) => {
  using project = new Resumable();
  project.write("sum.ts", flow());
  await project.ask("run sum.ts -q --limit 4");

  await t.test("nothing where nothing changed", async () => {
    assert.match((await project.say("resume --dry-run")).out, /run {5}nothing: everything succeeded and is unchanged/);
    assert.deepEqual(await project.resume("SumFlow/1"), { run: "SumFlow/2", status: "succeeded", ok: 8, reused: 8 });
  });

  await t.test("a parameter: the steps that read it, and those after them", async () => {
    const plan = await project.plan("SumFlow/1 --rate 3");
    assert.deepEqual(plan.changedParameters, ["rate"]);
    assert.equal(await project.split("SumFlow/1 --rate 3"), "start 1+0, work 4+0, join 1+0, scale 0+1, end 0+1");
    const { run } = await project.resume("SumFlow/1 --rate 3");
    assert.equal(await project.ask(`get ${run}/end/0/sum`), "60\n");
    assert.equal(await project.ask(`get ${run}/end/0/rate`), "3\n");
    assert.equal((await project.plan(`${run} --rate 3`)).changedParameters.length, 0, "the same value is no change");
  });

  await t.test("a step that is named, and those after it; the name is checked", async () => {
    assert.equal(await project.split("SumFlow/1 join"), "start 1+0, work 4+0, join 0+1, scale 0+1, end 0+1");
    assert.equal(await project.split("scale"), "start 1+0, work 4+0, join 1+0, scale 0+1, end 0+1");
    const { exit, err } = await project.say("resume SumFlow/1 jion");
    assert.equal(exit, 3);
    assert.match(err, /SumFlow\/1 has no step "jion"\n {2}hint: did you mean "join"/);
  });

  await t.test("a word alone is a flow or a step, and whichever was meant is suggested", async () => {
    for (const [word, meant] of [
      ["SunFlow", "SumFlow"],
      ["wrok", "work"],
    ] as const) {
      const { exit, err } = await project.say(`resume ${word}`);
      assert.equal(exit, 3);
      assert.match(err, new RegExp(`"${word}" is no flow that has run and no step of SumFlow/3\\n {2}hint: did you mean "${meant}"`));
    }
  });

  await t.test("what the resumed run did not run can be read from it all the same, and tells where it comes from", async () => {
    assert.equal(await project.ask("get SumFlow/2/work/3/double"), "8\n");
    assert.match(await project.ask("status SumFlow/2 --tasks"), /work\/3 +reused from SumFlow\/1/);
  });

  await t.test("a parameter that the flow does not have is refused", async () => {
    const { exit, err } = await project.say("resume SumFlow/1 --rte 3");
    assert.equal(exit, 2);
    assert.match(err, /did you mean "--rate"/);
  });
});

void test("a caught failure counts as success unless it is asked to run again", options, async () => {
  using project = new Resumable();
  project.write("sum.ts", flow({ scale: ' if (this.rate === 1) throw new Error("not by one");' }));
  await project.ask("run sum.ts -q --limit 4");
  assert.equal(await project.split(""), "start 1+0, work 4+0, join 1+0, scale 1+0, end 1+0");
  assert.match(await project.ask("runs"), /SumFlow\/1 .*\b8 ok 1 caught\b/);
  assert.match(await project.ask("status SumFlow/1"), /\b8 ok · 1 caught\b/);
  assert.equal(await project.split("--rerun-caught"), "start 1+0, work 4+0, join 1+0, scale 0+1, end 0+1");
});

void test("in place, the same run goes on with the code that it was made of", options, async (t) => {
  using project = new Resumable();
  project.write("sum.ts", flow({ end: ' if (!process.env["MENDED"]) throw new Error("not yet");' }));
  assert.equal((await project.say("run sum.ts -q --limit 4")).exit, 1);
  await t.test("what still fails has one attempt more", async () => {
    project.write("sum.ts", "this is no flow");
    const { exit, out } = await project.say("resume --in-place SumFlow/1 -q");
    assert.deepEqual([exit, out], [1, "SumFlow/1\n"]);
    assert.match(await project.ask("status SumFlow/1 --failed"), /end\/0 +failed +2/);
  });
  await t.test("and what is mended succeeds; nothing else ran again", async () => {
    process.env["MENDED"] = "yes";
    t.after(() => delete process.env["MENDED"]);
    await project.ask("resume --in-place SumFlow/1 -q");
    assert.match(await project.ask("status SumFlow/1 --tasks"), /work\/0 +ok +1 /);
    assert.equal((await project.ask("runs -q")).trimEnd(), "SumFlow/1");
  });
  await t.test("a succeeded run has nothing to go on with", async () => {
    const { exit, err } = await project.say("resume --in-place SumFlow/1");
    assert.equal(exit, 6, err);
  });
  await t.test("it takes no step", async () => {
    const { exit, err } = await project.say("resume --in-place SumFlow/1 join");
    assert.equal(exit, 2);
    assert.match(err, /takes no step\n {2}hint: to run join again, leave out --in-place/);
  });
});

void test("where the flow's file is gone, the code of the origin runs, and that is said", options, async () => {
  using project = new Resumable();
  project.write("sum.ts", flow());
  await project.say("run sum.ts -q");
  project.write("elsewhere.ts", flow().replace("> this.limit", "> 9"));
  rmSync(`${project.folder}/sum.ts`);
  const { err } = await project.say("resume --dry-run");
  assert.match(err, /sum\.ts is not here, so the code of SumFlow\/1 is used as it was \(--file FILE uses another\)/);
  assert.deepEqual((await project.plan("--file elsewhere.ts")).changedSteps, ["work"]);
  assert.equal((await project.resume("--file elsewhere.ts")).status, "succeeded");
});
