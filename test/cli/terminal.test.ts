// The live window in a real pseudo-terminal, as tmux shows it to a person.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { processesOf } from "../command.ts";
import { hasTmux, Terminal } from "./tmux-terminal.ts";

const bin = fileURLToPath(new URL("../../cli/bin.cts", import.meta.url));
const options = { timeout: 60_000, skip: hasTmux ? false : "tmux is not installed" };

const flow = `import { FlowSpec, step, type Inputs } from "stepwell";
export class SlowFlow extends FlowSpec {
  declare items: number[];
  @step start() {
    this.items = Array.from({ length: 2000 }, (_, index) => index);
    return this.next(this.work, { foreach: "items" });
  }
  @step async work(item: number) {
    console.log("item", item, "\\u001B[2J\\u001B[1;1H");
    await new Promise((resolve) => setTimeout(resolve, 200));
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    return this.next(this.end);
  }
  @step end() {}
}
`;

function windowOf(screen: string): readonly string[] {
  return screen.split("\n").filter((line) => /^ [┌│└]/.test(line));
}

void test("the window stays below what scrolls, keeps to a third, and survives a resize and an interrupt", options, async (t) => {
  const terminal = new Terminal(flow, { columns: 100, rows: 30 });
  t.after(() => terminal.close());
  terminal.type(`node ${bin} run slow.ts --max-workers 2; echo "ended with $?"`);

  const first = await terminal.shows(/│ ▶ work +\d\d?\/2000 .* running/);
  assert.match(first, /▶ SlowFlow\/1\n/);
  assert.match(first, /start\/0 +ok .* foreach 2,000 over `items`/);
  assert.match(first, /work\/0 \| item 0/, "what a task writes cannot clear the screen");
  assert.equal(windowOf(first).length, 5);

  terminal.resize(64, 18);
  const resized = await terminal.shows(/│ ▶ work +\d+\/2000 +\d+% +2 running · [\d,]+ queued/);
  assert.equal(resized.match(/┌ SlowFlow\/1/g)?.length, 1, `the old window is still there:\n${resized}`);
  assert.ok(windowOf(resized).length <= 6);

  terminal.interrupt();
  const ended = await terminal.shows(/ended with \d+\n/);
  assert.match(ended, /cancelling, waiting for \d tasks?/);
  assert.match(ended, /■ SlowFlow\/1 cancelled after/);
  assert.match(ended, /ended with 130\n/);
  assert.equal(windowOf(ended).length, 0, "the window is gone at the end");
});

void test(
  "keys list failures, choose the output, and leave the terminal as it was, also when the process is stopped",
  options,
  async (t) => {
    const terminal = new Terminal(flow, { columns: 100, rows: 30 });
    t.after(() => terminal.close());
    const failing = flow.replace(
      "return this.next(this.join);",
      "if (item < 3) throw new Error('too small'); return this.next(this.join);",
    );
    writeFileSync(join(terminal.folder, "slow.ts"), failing);
    terminal.type(`node ${bin} run slow.ts --max-workers 2; echo "ended with $?"`);
    await terminal.shows(/│ ✗ work .* 3 failed/);
    terminal.press("f");
    await terminal.shows(/failed so far:\n {2}work\/\d {3}Error: too small {3}and 2 more like it\n/);
    terminal.press("l");
    await terminal.shows(/output of tasks from here on: all\n/);
    terminal.press("?");
    assert.match(await terminal.shows(/\^C cancel the run/), /└ .* \^C cancels · f failures · l logs · \? help/);
    terminal.press("?");
    await terminal.shows(/^(?![^]*\^C cancel the run)/);

    terminal.press("C-z");
    await terminal.shows(/Stopped/);
    terminal.type("echo echoed");
    await terminal.shows(/\$ echo echoed\nechoed\n/);
    terminal.type('fg; echo "ended with $?"');
    await terminal.shows(/┌ SlowFlow\/1/);
    terminal.press("l");
    await terminal.shows(/output of tasks from here on: none\n/);
    terminal.interrupt();
    const ended = await terminal.shows(/ended with 130\n/);
    assert.equal(ended.match(/cancelling, asked by/g)?.length, 1, `nothing is said twice:\n${ended}`);
    terminal.type("echo still echoed");
    await terminal.shows(/\$ echo still echoed\nstill echoed\n/);
  },
);

void test("what the coordinator has to say scrolls above the window, as a sentence", options, async (t) => {
  const terminal = new Terminal(flow, { columns: 100, rows: 30 });
  t.after(() => terminal.close());
  terminal.type(`node ${bin} run slow.ts --max-workers 2 --logs none -vv`);
  await terminal.shows(/│ ▶ work +\d+\/2000 .* running/);
  const screen = await terminal.shows(/^(info|debug): [^\n{]+\n[^]*┌ SlowFlow\/1/m);
  assert.equal(screen.match(/┌ SlowFlow\/1/g)?.length, 1, `the window was torn:\n${screen}`);
  terminal.interrupt();
  await terminal.shows(/■ SlowFlow\/1 cancelled/);
});

void test("a run in the background leaves the keyboard to the shell", options, async (t) => {
  const terminal = new Terminal(flow, { columns: 100, rows: 30 });
  t.after(() => terminal.close());
  writeFileSync(join(terminal.folder, "slow.ts"), flow.replace("2000", "20"));
  terminal.type(`node ${bin} run slow.ts --max-workers 2 --logs none & wait; echo "ended with $?"`);
  await terminal.shows(/✓ SlowFlow\/1 succeeded/);
});

void test("a second interrupt ends at once, and says how to go on", options, async (t) => {
  const terminal = new Terminal(flow, { columns: 100, rows: 30 });
  t.after(() => terminal.close());
  const stuck = flow.replace("await new Promise((resolve) => setTimeout(resolve, 200));", "for (;;);").replaceAll("SlowFlow", "StuckFlow");
  writeFileSync(join(terminal.folder, "slow.ts"), stuck);
  terminal.type(`node ${bin} run slow.ts --max-workers 2; echo "ended with $?"`);
  await terminal.shows(/│ ▶ work .* 2 running/);
  terminal.interrupt();
  await terminal.shows(/\^C again kills now/);
  terminal.interrupt();
  const ended = await terminal.shows(/ended with \d+\n/);
  assert.match(ended, /killed; StuckFlow\/1 is unfinished, go on with: stepwell resume --in-place StuckFlow\/1/);
  assert.match(ended, /ended with 130\n/);
  const left = processesOf(join(terminal.folder, ".stepwell"));
  assert.deepEqual(left, [], "no process is left behind");
});
