import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReusedTask, RunEvent } from "../../proto/event.ts";
import { parseStepName, parseTaskId, runIdOf } from "../../proto/ids.ts";
import { artifactsOf, graphOf, PlayedRun } from "../../test/simulation/played-run.ts";
import { advance } from "./advance.ts";
import { blobsOfRun, RunBlobs } from "./run-blobs.ts";
import { initialState } from "./state.ts";

const graph = graphOf({
  start: { to: { each: "work" } },
  work: { to: "join" },
  join: { to: "end", joins: "start" },
  end: { to: null },
});

function reused(task: string, to: string): ReusedTask {
  const taken = { kind: "linear", to: parseStepName(to) } as const;
  const origin = runIdOf(graph.flow, 7);
  return { task: parseTaskId(task), origin, attempt: 0, taken, artifacts: artifactsOf({ found: task }), caught: null };
}

/** A run that takes over some tasks, and one that it never comes to; its last task runs. */
function played(): PlayedRun {
  const run = new PlayedRun(graph, { reused: [reused("work/0", "join"), reused("work/9", "join")] });
  run.succeed("start/0", { rows: "rows" }, 3);
  run.fail("work/1", { kind: "exit", code: 1 }, { lost: "lost" });
  run.accept({ kind: "accepted", events: [{ kind: "retryRequested", atMs: 1, by: "ada", tasks: null }] });
  run.succeed("work/1", { model: "one" });
  run.succeed("work/2", { model: "two" });
  run.succeed("join/0", { best: "best" });
  return run;
}

/** What is taken over may come in several pieces. */
function pieces(event: RunEvent): readonly RunEvent[] {
  return event.kind === "tasksReused" ? event.tasks.map((task) => ({ ...event, tasks: [task] })) : [event];
}

test("what a run needs is known after each event as if it were looked at anew", () => {
  const { events } = played();
  const [first, ...others] = events;
  assert.ok(first?.kind === "runSubmitted");
  const state = initialState(first);
  const blobs = new RunBlobs(state);
  const counts = [blobs.now().size];
  for (const event of others.flatMap(pieces)) {
    advance(state, event);
    assert.deepEqual([...blobs.now()].sort(), [...blobsOfRun(state)].sort(), event.kind);
    if (blobs.now().size !== counts.at(-1)) counts.push(blobs.now().size);
  }
  // The code package, two tasks that were taken over, rows, two models, the best.
  assert.deepEqual(counts, [1, 2, 3, 4, 5, 6, 7]);
});

test("a run whose artifacts were collected needs nothing", () => {
  const { state } = played();
  const blobs = new RunBlobs(state);
  assert.equal(blobs.now().size, 7);
  state.collectedAtMs = 1;
  assert.deepEqual([blobs.now().size, blobsOfRun(state).size], [0, 0]);
});
