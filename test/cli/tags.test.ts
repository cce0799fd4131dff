// Who sees which run, and which tags it may have.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Project } from "./project.ts";

const options = { timeout: 60_000 };

const flow = `import { FlowSpec, step, current } from "stepwell";
export class TinyFlow extends FlowSpec {
  declare seen: string | null;
  @step start() { return this.next(this.end); }
  @step end() { this.seen = current.namespace; }
}
`;

void test("a namespace is a tag: a run is seen where one of its tags is the namespace", options, async (t) => {
  using project = new Project();
  project.write("tiny.ts", flow);
  await project.ask("run tiny.ts -q --tag nightly");
  await project.ask("run tiny.ts -q --namespace production:x");
  await project.ask("run tiny.ts -q --tag nightly", { STEPWELL_USER: "bo" });
  const seen = async (line: string, env = {}) => (await project.ask(`runs -q ${line}`.trim(), env)).trimEnd().split("\n");

  await t.test("by default those of the person who asks", async () => {
    assert.deepEqual(await seen(""), ["TinyFlow/2", "TinyFlow/1"]);
    assert.deepEqual(await seen("", { STEPWELL_USER: "bo" }), ["TinyFlow/3"]);
    assert.equal(await project.ask("status latest -q"), "TinyFlow/2\n");
  });

  await t.test("any tag can be asked for, the system's and people's alike; an empty one means all", async () => {
    assert.deepEqual(await seen("--namespace nightly"), ["TinyFlow/3", "TinyFlow/1"]);
    assert.deepEqual(await seen("--namespace user:bo"), ["TinyFlow/3"]);
    assert.deepEqual(await seen("--namespace="), ["TinyFlow/3", "TinyFlow/2", "TinyFlow/1"]);
    assert.deepEqual(await seen("--namespace= --tag nightly --tag user:ana"), ["TinyFlow/1"]);
    assert.deepEqual(await seen("--user bo"), ["TinyFlow/3"]);
  });

  await t.test("the namespace of a run is what its code sees, and gives the run no tag", async () => {
    assert.equal(await project.ask("get TinyFlow/2/end/0/seen"), "production:x\n");
    assert.equal(await project.ask("get TinyFlow/1/end/0/seen"), "user:ana\n");
    assert.deepEqual(await seen("--namespace production:x"), [""]);
  });

  await t.test("what a namespace hides can still be named", async () => {
    assert.equal(await project.ask("status TinyFlow/3 -q"), "TinyFlow/3\n");
    const { exit, err } = await project.say("status latest --namespace elsewhere");
    assert.equal(exit, 3);
    assert.match(err, /no run in namespace elsewhere\n {2}hint: name it \(TinyFlow\/3\), or look everywhere with --namespace=/);
  });

  await t.test("who resumes another's run owns the new one, without the tags of the old", async () => {
    await project.ask("resume TinyFlow/3 -q --tag mine");
    assert.deepEqual(await seen("--tag mine"), ["TinyFlow/4"]);
    assert.equal(await project.ask("tag list TinyFlow/4 -q"), "mine\n");
  });
});

void test("tags are added and removed, all or nothing", options, async (t) => {
  using project = new Project();
  project.write("tiny.ts", flow);
  await project.ask("run tiny.ts -q --tag first --tag first --tag user:ana");
  const tags = async () => (await project.ask("tag list TinyFlow/1 -q")).trimEnd().split("\n");

  await t.test("a tag is there once, and not again where the system gave it", async () => {
    assert.deepEqual(await tags(), ["first"]);
    assert.equal(await project.ask("tag add TinyFlow/1 good first user:ana"), "first\ngood\n");
  });

  await t.test("removing what is not there changes nothing; what the system gave stays, and with it the rest", async () => {
    assert.equal(await project.ask("tag rm TinyFlow/1 absent"), "first\ngood\n");
    const { exit, err } = await project.say("tag rm TinyFlow/1 good user:ana");
    assert.equal(exit, 2);
    assert.match(err, /"user:ana" is a system tag of TinyFlow\/1 and cannot be removed/);
    assert.deepEqual(await tags(), ["first", "good"]);
    assert.equal(await project.ask("tag rm TinyFlow/1 good"), "first\n");
  });

  await t.test("a tag has 1 to 500 characters, a run 50 tags", async () => {
    for (const [words, text] of [
      [["tag", "add", "TinyFlow/1", ""], /a tag must not be empty/],
      [["tag", "add", "TinyFlow/1", "ä".repeat(501)], /a tag may have 500 characters, and this one has 501/],
      [
        ["tag", "add", "TinyFlow/1", ...Array.from({ length: 50 }, (_, i) => `t${i}`)],
        /would have 51 tags, and at most 50 are allowed; remove 1/,
      ],
      [["run", "tiny.ts", "--tag", ""], /a tag/],
      [["run", "tiny.ts", ...Array.from({ length: 51 }, (_, i) => `--tag=t${i}`)], /a run may have 50 tags/],
    ] as const) {
      const { exit, err } = await project.say(words);
      assert.equal(exit, 2, err);
      assert.match(err, text);
    }
    assert.deepEqual(await tags(), ["first"]);
    await project.ask(["tag", "add", "TinyFlow/1", "😀".repeat(500)]);
    assert.equal((await project.ask("runs -q")).trimEnd(), "TinyFlow/1", "refused runs don't exist");
    await project.ask(["run", "tiny.ts", "-q", "--tag", "😀".repeat(500)]);
  });
});
