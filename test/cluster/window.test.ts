// The live window while a run is with a coordinator elsewhere: what it says when that is away, and how one leaves it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hasTmux, Terminal } from "../cli/tmux-terminal.ts";
import { bin } from "../command.ts";
import { startCoordinator, startWorker } from "./processes.ts";

const flow = `import { setTimeout } from "node:timers/promises";
import { FlowSpec, step } from "stepwell";
export class SlowFlow extends FlowSpec {
  @step start() { return this.next(this.work); }
  @step async work() {
    await setTimeout(600_000);
    return this.next(this.end);
  }
  @step end() {}
}
`;

test(
  "the window says that the coordinator is away and back; d leaves the run to the cluster, and watch comes back to it",
  { timeout: 60_000, skip: hasTmux ? false : "tmux is not installed" },
  async (t) => {
    const terminal = new Terminal(flow, { columns: 110, rows: 30 });
    t.after(() => terminal.close());
    const cluster = await startCoordinator(terminal.folder);
    await using first = cluster.coordinator;
    terminal.type(
      Object.entries(cluster.env)
        .map(([name, value]) => `export ${name}=${value}`)
        .join("; "),
    );
    terminal.type(`clear; node ${bin} run slow.ts; echo "ended with $?"`);
    await terminal.shows(/│ ▶ work +0\/1 +1 running/);
    await terminal.shows(/workers 1 · slots 1 · \^C cancel · d detach · f failures · l logs · \?/);
    first.signal("SIGKILL");
    await terminal.shows(/the coordinator at \S+ does not answer: .*trying a\s?gain/s);
    const again = await startCoordinator(terminal.folder, ["--listen", cluster.address]);
    await using _second = again.coordinator;
    await terminal.shows(/the coordinator answers again/);
    terminal.press("d");
    const left = await terminal.shows(/ended with \d+\n/);
    assert.match(left, /detached from SlowFlow\/1: it goes on in the cluster; come back: stepwell watch SlowFlow\/1/);
    assert.match(left, /ended with 0\n/);
    await using _worker = await startWorker({ ...cluster, coordinator: again.coordinator }, 1);
    terminal.type(`clear; node ${bin} watch latest; echo "ended with $?"`);
    await terminal.shows(/│ ▶ work +0\/1 +1 running/);
    terminal.interrupt();
    assert.match(await terminal.shows(/ended with \d+\n/), /ended with 130\n/);
    terminal.type(`clear; node ${bin} status latest`);
    await terminal.shows(/SlowFlow\/1 +running/);
  },
);
