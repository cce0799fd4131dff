// Random well-formed flows, as nested blocks and as the graph that a coordinator gets.

import { defaultPolicy, type FlowGraph, type RetryPolicy, type StepNode, type StepPolicy, type Transition } from "../../proto/graph.ts";
import { parseFlowName, parseStepName, type StepName } from "../../proto/ids.ts";
import type { Random } from "./random.ts";

export type Block =
  | { readonly kind: "step"; readonly name: StepName }
  | { readonly kind: "foreach"; readonly name: StepName; readonly join: StepName; readonly body: Blocks }
  | { readonly kind: "branch"; readonly name: StepName; readonly join: StepName; readonly arms: readonly Blocks[] }
  /** An arm without blocks leads straight to what follows. */
  | { readonly kind: "switch"; readonly name: StepName; readonly arms: readonly Blocks[] };
export type Blocks = readonly Block[];

export type RandomFlow = { readonly blocks: Blocks; readonly graph: FlowGraph; readonly policies: ReadonlyMap<StepName, StepPolicy> };

export function randomFlow(random: Random): RandomFlow {
  const drawn = new Drawing(random);
  const blocks: Blocks = [{ kind: "step", name: parseStepName("start") }, ...drawn.blocks(3), { kind: "step", name: parseStepName("end") }];
  const nodes: StepNode[] = [];
  const policies = new Map<StepName, StepPolicy>();
  new Wiring(nodes, (name, transition) => {
    const policy = randomPolicy(random, name, transition);
    policies.set(name, policy);
    return policy;
  }).wire(blocks, null, []);
  const graph: FlowGraph = { flow: parseFlowName("SimulatedFlow"), file: "simulated.ts", doc: "", steps: nodes, parameters: [] };
  return { blocks, graph, policies };
}

class Drawing {
  readonly #random: Random;
  #left: number;
  #named = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#left = 2 + random.below(9);
  }

  blocks(depth: number): Block[] {
    const length = 1 + this.#random.below(2);
    const blocks: Block[] = [];
    for (let i = 0; i < length; i++) {
      const block = this.#block(depth);
      blocks.push(block);
      // What follows a switch must be no join.
      if (block.kind === "switch") blocks.push(this.#step());
    }
    return blocks;
  }

  #block(depth: number): Block {
    const kind = this.#left <= 0 || depth === 0 ? "step" : this.#random.pick(["step", "foreach", "foreach", "branch", "switch"] as const);
    const { name } = this.#step();
    if (kind === "step") return { kind, name };
    if (kind === "foreach") return { kind, name, join: joinOf(name), body: this.blocks(depth - 1) };
    const arms = Array.from({ length: 2 + this.#random.below(2) }, () => this.blocks(depth - 1));
    if (kind === "branch") return { kind, name, join: joinOf(name), arms };
    return { kind, name, arms: this.#random.chance(0.4) ? [[], ...arms] : arms };
  }

  #step(): Extract<Block, { kind: "step" }> {
    this.#left -= 1;
    this.#named += 1;
    return { kind: "step", name: parseStepName(`s${this.#named}`) };
  }
}

function joinOf(name: StepName): StepName {
  return parseStepName(`${name}_join`);
}

class Wiring {
  readonly #nodes: StepNode[];
  readonly #policy: (name: StepName, transition: Transition) => StepPolicy;

  constructor(nodes: StepNode[], policy: (name: StepName, transition: Transition) => StepPolicy) {
    this.#nodes = nodes;
    this.#policy = policy;
  }

  /** Adds the steps of the blocks; `next` is where the last one goes. Returns the first step, or `next` where there is none. */
  wire(blocks: Blocks, next: StepName | null, within: readonly StepName[]): StepName | null {
    let following = next;
    for (const block of blocks.toReversed()) {
      this.#block(block, following, within);
      following = block.name;
    }
    return following;
  }

  #block(block: Block, next: StepName | null, within: readonly StepName[]): void {
    const onward: Transition = next === null ? { kind: "end" } : { kind: "linear", to: next };
    switch (block.kind) {
      case "step":
        return this.#node(block.name, onward, { joins: null, within });
      case "switch": {
        const targets = block.arms.map((arm, i) => [`case${i}`, this.#entry(arm, next, within)] as const);
        return this.#node(block.name, { kind: "switch", condition: "choice", cases: Object.fromEntries(targets) }, { joins: null, within });
      }
      case "foreach": {
        const to = this.#entry(block.body, block.join, [...within, block.name]);
        this.#node(block.name, { kind: "foreach", to, artifact: "items" }, { joins: null, within });
        return this.#node(block.join, onward, { joins: block.name, within });
      }
      case "branch": {
        const to = block.arms.map((arm) => this.#entry(arm, block.join, [...within, block.name]));
        this.#node(block.name, { kind: "branch", to }, { joins: null, within });
        return this.#node(block.join, onward, { joins: block.name, within });
      }
    }
  }

  #entry(blocks: Blocks, next: StepName | null, within: readonly StepName[]): StepName {
    const first = this.wire(blocks, next, within);
    if (first === null) throw new Error("an arm leads nowhere");
    return first;
  }

  #node(name: StepName, transition: Transition, place: Pick<StepNode, "joins" | "within">): void {
    this.#nodes.unshift({ name, doc: "", line: 1, file: "simulated.ts", transition, ...place, policy: this.#policy(name, transition) });
  }
}

function randomPolicy(random: Random, name: StepName, transition: Transition): StepPolicy {
  const mayCatch = transition.kind !== "foreach" && transition.kind !== "switch";
  const retry: RetryPolicy = {
    times: 1 + random.below(2),
    minutesBetween: random.pick([0, 1, 3]),
    backoff: random.pick([1, 2]),
    maxMinutes: 4,
    on: random.chance(0.7) ? null : ["userError"],
  };
  return {
    ...defaultPolicy,
    retry: random.chance(0.4) ? retry : null,
    catch: mayCatch && random.chance(0.35) ? { var: random.chance(0.7) ? `error_${name}` : null, print: false } : null,
  };
}
