// For tests: random well-formed flows, made from nested blocks, as the steps that the check should find.

import * as fc from "fast-check";
import type { Transition } from "../proto/graph.ts";
import type { StepName } from "../proto/ids.ts";
import { unreachable } from "../proto/unreachable.ts";

export type ModelStep = {
  readonly name: StepName;
  readonly transition: Transition;
  readonly joins: StepName | null;
  readonly within: readonly StepName[];
};

type Block =
  | { readonly kind: "step" }
  | { readonly kind: "sequence" | "branch" | "switch"; readonly parts: readonly Block[] }
  | { readonly kind: "foreach"; readonly body: Block };

const { block } = fc.letrec<{ block: Block }>((tie) => ({
  block: fc.oneof(
    { maxDepth: 4, depthIdentifier: "flow", withCrossShrink: true },
    { arbitrary: fc.constant({ kind: "step" } as const), weight: 2 },
    { arbitrary: parts("sequence", tie("block")), weight: 2 },
    { arbitrary: parts("branch", tie("block")), weight: 2 },
    { arbitrary: parts("switch", tie("block")), weight: 2 },
    { arbitrary: tie("block").map((body) => ({ kind: "foreach", body }) as const), weight: 2 },
  ),
}));

function parts(kind: "sequence" | "branch" | "switch", block: fc.Arbitrary<Block>): fc.Arbitrary<Block> {
  return fc.array(block, { minLength: 2, maxLength: 3 }).map((parts) => ({ kind, parts }));
}

export const randomFlow: fc.Arbitrary<readonly ModelStep[]> = block.map((body) => {
  const builder = new Builder();
  const end = builder.add("end", { transition: { kind: "end" }, joins: null, within: [] });
  const first = builder.build(body, end, []);
  builder.add("start", { transition: { kind: "linear", to: first }, joins: null, within: [] });
  return builder.steps.toReversed();
});

class Builder {
  readonly steps: ModelStep[] = [];

  add(name: string, rest: Omit<ModelStep, "name">): StepName {
    this.steps.push({ name: name as StepName, ...rest });
    return name as StepName;
  }

  /** Gives the first step of the block; `next` is where it goes on. */
  build(block: Block, next: StepName, within: readonly StepName[]): StepName {
    const number = this.steps.length;
    switch (block.kind) {
      case "step":
        return this.add(`step${number}`, { transition: { kind: "linear", to: next }, joins: null, within });
      case "sequence":
        return block.parts.reduceRight((after, part) => this.build(part, after, within), next);
      case "switch": {
        const cases = block.parts.map((part, i) => [`case${i}`, this.build(part, next, within)] as const);
        const transition = { kind: "switch", condition: "choice", cases: Object.fromEntries(cases) } as const;
        return this.add(`switch${this.steps.length}`, { transition, joins: null, within });
      }
      case "branch":
      case "foreach": {
        const split = `split${number}` as StepName;
        const join = this.add(`join${number}`, { transition: { kind: "linear", to: next }, joins: split, within });
        const inside = [...within, split];
        const transition: Transition =
          block.kind === "foreach"
            ? { kind: "foreach", artifact: "items", to: this.build(block.body, join, inside) }
            : { kind: "branch", to: block.parts.map((part) => this.build(part, join, inside)) };
        return this.add(split, { transition, joins: null, within });
      }
      default:
        return unreachable(block);
    }
  }
}

/** The flow's class body as an author would write it. */
export function flowBodyOf(steps: readonly ModelStep[]): string {
  return steps.map((step) => `  @step ${step.name}(${step.joins === null ? "" : "inputs: Inputs<this>"}) {\n${bodyOf(step)}  }`).join("\n");
}

function bodyOf({ transition }: ModelStep): string {
  const sets = '    this.items = [1];\n    this.choice = "case0";\n';
  switch (transition.kind) {
    case "end":
      return "";
    case "linear":
      return `${sets}    return this.next(this.${transition.to});\n`;
    case "branch":
      return `${sets}    return this.next(${transition.to.map((name) => `this.${name}`).join(", ")});\n`;
    case "foreach":
      return `${sets}    return this.next(this.${transition.to}, { foreach: "${transition.artifact}" });\n`;
    case "switch": {
      const cases = Object.entries(transition.cases).map(([key, name]) => `${key}: this.${name}`);
      return `${sets}    return this.next({ ${cases.join(", ")} }, { condition: "${transition.condition}" });\n`;
    }
    default:
      return unreachable(transition);
  }
}
