// The line that says that a flow is fine: `✓ checked flows/train.ts  7 steps, 2 foreach`.

import type { FlowGraph } from "../../proto/graph.ts";
import { countOfThings } from "../format/count.ts";
import type { Paint } from "../terminal.ts";

export function checkedLine(graph: FlowGraph, file: string, paint: Paint): string {
  const count = (kind: string) => graph.steps.filter((step) => step.transition.kind === kind).length;
  const splits = [
    [count("foreach"), "foreach"],
    [count("branch"), count("branch") === 1 ? "branch" : "branches"],
    [count("switch"), count("switch") === 1 ? "switch" : "switches"],
  ] as const;
  const parts = splits.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  return `${paint.green("✓")} checked ${file}  ${[countOfThings(graph.steps.length, "step"), ...parts].join(", ")}`;
}
