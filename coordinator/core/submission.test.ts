import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultRunOptions, tagsMax } from "../../proto/event.ts";
import type { FlowGraph } from "../../proto/graph.ts";
import { randomFlow } from "../../test/simulation/graph.ts";
import { graphOf } from "../../test/simulation/played-run.ts";
import { Random } from "../../test/simulation/random.ts";
import { objectionToSubmission } from "./submission.ts";

const options = { ...defaultRunOptions, workersMax: 4 };
const linear = graphOf({ start: { to: "end" }, end: { to: null } });

function objection(graph: FlowGraph): string | null {
  return objectionToSubmission({ graph, tags: [], systemTags: [], options });
}

test("every graph that the simulation runs may be submitted", () => {
  for (let seed = 0; seed < 2_000; seed++) assert.equal(objection(randomFlow(new Random(seed)).graph), null, `seed ${seed}`);
});

const bad: readonly [title: string, graph: FlowGraph, message: string][] = [
  ["no start", { ...linear, steps: linear.steps.slice(1) }, "it has no step start"],
  ["the same name twice", { ...linear, steps: [...linear.steps, ...linear.steps] }, "two of its steps have the same name"],
  ["a target that is missing", graphOf({ start: { to: "away" } }), "step start goes to away, which is no step"],
  ["a circle", graphOf({ start: { to: "a" }, a: { to: "b" }, b: { to: "a" } }), "step a leads back to itself"],
  [
    "a split without join",
    graphOf({ start: { to: { each: "a" } }, a: { to: null } }),
    "step start splits, and 0 steps join it instead of 1",
  ],
  [
    "two branches that meet too early",
    graphOf({ start: { to: ["a", "b"] }, a: { to: "c" }, b: { to: "c" }, c: { to: "join" }, join: { to: null, joins: "start" } }),
    "step start has two branches that meet in c before they are joined",
  ],
  [
    "the same branch twice",
    graphOf({ start: { to: ["a", "a"] }, a: { to: "join" }, join: { to: null, joins: "start" } }),
    "step start has two branches that meet in a before they are joined",
  ],
  [
    "an end inside a split",
    graphOf({ start: { to: ["a", "b"] }, a: { to: null }, b: { to: "join" }, join: { to: null, joins: "start" } }),
    "step a ends the run inside the split of start",
  ],
  [
    "a join of another split",
    graphOf({ start: { to: "a" }, a: { to: "join" }, join: { to: null, joins: "start" } }),
    "step a goes to join, which joins start and not it",
  ],
];

for (const [title, graph, message] of bad) {
  test(`a graph with ${title} is refused before it is written down`, () => {
    assert.equal(objection(graph), `the graph of PlayedFlow cannot be run: ${message}`);
  });
}

test("a run without slots, with too many tags or with a bad one is refused", () => {
  assert.match(
    String(objectionToSubmission({ graph: linear, tags: [], systemTags: [], options: { ...options, workersMax: 0 } })),
    /at least 1 slot/,
  );
  const tags = Array.from({ length: tagsMax }, (_, i) => `t${i}`);
  assert.equal(objectionToSubmission({ graph: linear, tags: [...tags, "t0"], systemTags: [], options }), null);
  assert.match(
    String(objectionToSubmission({ graph: linear, tags: [...tags, "more"], systemTags: [], options })),
    /may have 50 tags, and these are 51/,
  );
  assert.equal(objectionToSubmission({ graph: linear, tags: [""], systemTags: [], options }), "a tag must not be empty");
});
