import assert from "node:assert/strict";
import { test } from "node:test";
import { tagCharactersMax, tagsMax } from "../../proto/event.ts";
import { graphOf, PlayedRun } from "../../test/simulation/played-run.ts";
import { decideTags } from "./tags.ts";

const graph = graphOf({ start: { to: "end" }, end: { to: null } });

function change(run: PlayedRun, add: readonly string[], remove: readonly string[] = []): readonly string[] | string {
  const decision = decideTags(run.state, { by: "ana", add, remove, atMs: 1 });
  if (decision.kind === "refused") return decision.message;
  for (const event of decision.events) run.apply(event);
  return run.state.tags;
}

test("tags are removed first, then added, so that one in both lists stays", () => {
  assert.deepEqual(change(new PlayedRun(graph), ["mine", "new"], ["mine"]), ["mine", "new"]);
});

test("adding what is there, removing what is not, and adding a system tag change nothing and leave no event", () => {
  const run = new PlayedRun(graph);
  const before = run.events.length;
  assert.deepEqual(change(run, ["mine", "user:ana"], ["absent"]), ["mine"]);
  assert.equal(run.events.length, before);
});

test("a system tag cannot be removed, and nothing else of the request is done", () => {
  const run = new PlayedRun(graph);
  assert.equal(change(run, ["new"], ["mine", "user:ana"]), '"user:ana" is a system tag of PlayedFlow/1 and cannot be removed');
  assert.deepEqual(run.state.tags, ["mine"]);
});

test("a run has at most 50 tags", () => {
  const run = new PlayedRun(graph);
  const many = Array.from({ length: tagsMax - 1 }, (_, i) => `t${i}`);
  assert.equal(change(run, [...many, "one more"]), "PlayedFlow/1 would have 51 tags, and at most 50 are allowed; remove 1");
  assert.equal(change(run, many).length, tagsMax);
  assert.equal(change(run, ["swapped"], ["mine"]).length, tagsMax);
});

test("a tag has 1 to 500 characters, whatever their bytes", () => {
  const run = new PlayedRun(graph);
  assert.equal(change(run, [""]), "a tag must not be empty");
  assert.match(String(change(run, ["🌊".repeat(tagCharactersMax + 1)])), /a tag may have 500 characters, and this one has 501/);
  assert.deepEqual(change(run, ["🌊".repeat(tagCharactersMax)]), ["mine", "🌊".repeat(tagCharactersMax)]);
  assert.match(String(change(run, ["\ud800"])), /is not valid Unicode/);
});
