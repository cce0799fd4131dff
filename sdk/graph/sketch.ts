// A flow's steps between syntax and graph: the names in transitions are looked up, nothing else is checked yet.

import type { StepName } from "../../proto/ids.ts";
import { targetsOf } from "../../proto/graph.ts";
import type { Transition } from "../../proto/graph.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { ProblemCode } from "./problem-codes.ts";

export type SketchedStep = {
  readonly name: StepName;
  readonly takesArgument: boolean;
  /** Its argument is written as `Inputs<…>`. */
  readonly takesInputs: boolean;
  /** Null where it is missing or wrong, which has been objected to. */
  readonly transition: Transition | null;
  /** Offset of the transition in the method's text. */
  readonly transitionAt: number;
};

/** Something wrong at a place in a step's text. */
export type StepObjection = {
  readonly step: string;
  readonly at: number;
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint: string | null;
};

/** One way from a step to the next. */
export type Edge = {
  readonly from: SketchedStep;
  readonly to: StepName;
  readonly kind: "linear" | "branch" | "foreach" | "switch";
};

export function edgesOf(step: SketchedStep): readonly Edge[] {
  const { transition } = step;
  if (transition === null) return [];
  const kind = transition.kind;
  switch (kind) {
    case "end":
      return [];
    case "linear":
    case "branch":
    case "foreach":
    case "switch":
      return targetsOf(transition).map((to) => ({ from: step, to, kind }));
    default:
      return unreachable(kind);
  }
}

/** `"a"`, `"a" and "b"`, `"a", "b" and "c"`. */
export function listed(names: readonly string[]): string {
  const quoted = names.map((name) => `"${name}"`);
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}`;
}
