// Graph shapes as nested blocks, and the steps that they unfold into.

/** A flow is `start`, then the blocks in order, then `end`. */
export type Block =
  | { readonly kind: "step"; readonly name: string }
  | { readonly kind: "branch"; readonly name: string; readonly arms: readonly (readonly Block[])[]; readonly join: string }
  | {
      readonly kind: "foreach";
      readonly name: string;
      readonly items: readonly string[];
      readonly body: readonly Block[];
      readonly join: string;
    }
  /** The arms meet in whatever follows, which must not be a join. */
  | { readonly kind: "switch"; readonly name: string; readonly taken: string; readonly arms: Readonly<Record<string, readonly Block[]>> };

export type Shape = { readonly name: string; readonly blocks: readonly Block[] };

export type ShapeStep = {
  readonly name: string;
  readonly role: "start" | "end" | "linear" | "branch" | "foreach" | "switch" | "join";
  /** Takes the element of the foreach that leads to it. */
  readonly takesElement: boolean;
  /** Statements that prepare the transition, and the transition. */
  readonly prepare: string;
  readonly transition: string;
};

const step = (name: string): Block => ({ kind: "step", name });
const foreach = (name: string, items: readonly string[], body: readonly Block[]): Block => ({
  kind: "foreach",
  name,
  items,
  body,
  join: `${name}_join`,
});
const branch = (name: string, ...arms: readonly (readonly Block[])[]): Block => ({ kind: "branch", name, arms, join: `${name}_join` });
const choice = (name: string, taken: string, arms: Readonly<Record<string, readonly Block[]>>): Block => ({
  kind: "switch",
  name,
  taken,
  arms,
});
const letters = (text: string): readonly string[] => Array.from(text);

export const shapes: readonly Shape[] = [
  { name: "start_end", blocks: [] },
  { name: "linear", blocks: [step("a"), step("b")] },
  { name: "branch", blocks: [branch("split", [step("a")], [step("b"), step("b2")])] },
  {
    name: "nested_branches",
    blocks: [
      branch("top", [branch("left", [step("a")], [step("b")])], [branch("right", [step("c")], [branch("deep", [step("d")], [step("e")])])]),
    ],
  },
  { name: "foreach", blocks: [foreach("each", letters("xyz"), [step("inner"), step("inner2")])] },
  { name: "empty_foreach", blocks: [foreach("each", [], [step("inner")]), step("after")] },
  {
    name: "nested_foreach",
    blocks: [foreach("x", letters("abc"), [foreach("y", letters("de"), [foreach("z", letters("fghijk"), [step("inner")])])])],
  },
  { name: "branch_in_foreach", blocks: [foreach("each", letters("pq"), [branch("split", [step("a")], [step("b")])])] },
  { name: "foreach_in_branch", blocks: [branch("split", [foreach("each", letters("pqr"), [step("inner")])], [step("b")])] },
  { name: "switch", blocks: [choice("pick", "big", { big: [step("large")], small: [step("little"), step("less")] }), step("after")] },
  {
    name: "switch_in_branch",
    blocks: [branch("split", [choice("pick", "one", { one: [step("first")], two: [step("second")] }), step("meet")], [step("b")])],
  },
  {
    name: "switch_in_foreach",
    blocks: [foreach("each", letters("mn"), [choice("pick", "one", { one: [step("first")], two: [step("second")] }), step("meet")])],
  },
  {
    name: "splits_in_switch",
    blocks: [
      choice("pick", "loop", {
        loop: [foreach("each", letters("uvw"), [step("inner")])],
        fork: [branch("split", [step("a")], [step("b")])],
      }),
      step("after"),
    ],
  },
];

export const wideShape: Shape = {
  name: "wide_foreach",
  blocks: [
    foreach(
      "each",
      Array.from({ length: 1200 }, (_, i) => `item ${i}`),
      [step("inner")],
    ),
  ],
};

/** The steps in the order of the flow. */
export function stepsOf(shape: Shape): readonly ShapeStep[] {
  const steps: ShapeStep[] = [];
  const first = entryOf(shape.blocks, "end");
  steps.push({ name: "start", role: "start", takesElement: false, prepare: "", transition: `this.next(this.${first})` });
  unfold(shape.blocks, { next: "end", takesElement: false }, steps);
  steps.push({ name: "end", role: "end", takesElement: false, prepare: "", transition: "" });
  return steps;
}

function entryOf(blocks: readonly Block[], otherwise: string): string {
  return blocks[0]?.name ?? otherwise;
}

function unfold(blocks: readonly Block[], place: { readonly next: string; readonly takesElement: boolean }, steps: ShapeStep[]): void {
  blocks.forEach((block, i) => {
    const next = entryOf(blocks.slice(i + 1), place.next);
    const common = { name: block.name, takesElement: place.takesElement && i === 0, prepare: "" };
    if (block.kind === "step") steps.push({ ...common, role: "linear", transition: `this.next(this.${next})` });
    else if (block.kind === "branch") {
      const targets = block.arms.map((arm) => `this.${entryOf(arm, block.join)}`);
      steps.push({ ...common, role: "branch", transition: `this.next(${targets.join(", ")})` });
      for (const arm of block.arms) unfold(arm, { next: block.join, takesElement: false }, steps);
      steps.push(joinStep(block.join, next));
    } else if (block.kind === "foreach") {
      const prepare = `this.${block.name}_items = ${JSON.stringify(block.items)};`;
      const transition = `this.next(this.${entryOf(block.body, block.join)}, { foreach: "${block.name}_items" })`;
      steps.push({ ...common, role: "foreach", prepare, transition });
      unfold(block.body, { next: block.join, takesElement: true }, steps);
      steps.push(joinStep(block.join, next));
    } else {
      const cases = Object.entries(block.arms).map(([name, arm]) => `${name}: this.${entryOf(arm, next)}`);
      const prepare = `this.${block.name}_case = ${JSON.stringify(block.taken)};`;
      steps.push({
        ...common,
        role: "switch",
        prepare,
        transition: `this.next({ ${cases.join(", ")} }, { condition: "${block.name}_case" })`,
      });
      for (const arm of Object.values(block.arms)) unfold(arm, { next, takesElement: false }, steps);
    }
  });
}

function joinStep(name: string, next: string): ShapeStep {
  return { name, role: "join", takesElement: false, prepare: "", transition: `this.next(this.${next})` };
}

/** Tasks of each step that a run without failures has. */
export function taskCounts(shape: Shape): ReadonlyMap<string, number> {
  const counts = new Map<string, number>([["start", 1]]);
  count(shape.blocks, 1, counts);
  return counts.set("end", 1);
}

function count(blocks: readonly Block[], times: number, counts: Map<string, number>): void {
  if (times === 0) return;
  for (const block of blocks) {
    counts.set(block.name, times);
    if (block.kind === "branch") for (const arm of block.arms) count(arm, times, counts);
    if (block.kind === "foreach") count(block.body, times * block.items.length, counts);
    if (block.kind === "switch") count(block.arms[block.taken] ?? [], times, counts);
    if (block.kind === "branch" || block.kind === "foreach") counts.set(block.join, times);
  }
}

/** What `visits` is after the blocks: +1 in each step, the sum of the inputs + 1 in a join. */
export function visitsAfter(shape: Shape): number {
  return visit(shape.blocks, 1) + 1;
}

function visit(blocks: readonly Block[], before: number): number {
  return blocks.reduce((visits, block) => {
    const own = visits + 1;
    if (block.kind === "step") return own;
    if (block.kind === "branch") return block.arms.reduce((sum, arm) => sum + visit(arm, own), 1);
    if (block.kind === "foreach") return block.items.length * visit(block.body, own) + 1;
    return visit(block.arms[block.taken] ?? [], own);
  }, before);
}

/** Artifacts that the transitions of a shape use, as declarations of the class. */
export function declarationsOf(shape: Shape): readonly string[] {
  return stepsOf(shape).flatMap((s) =>
    s.role === "foreach" ? [`declare ${s.name}_items: string[];`] : s.role === "switch" ? [`declare ${s.name}_case: string;`] : [],
  );
}
