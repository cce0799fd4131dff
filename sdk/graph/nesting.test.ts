import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Transition } from "../../proto/graph.ts";
import { taskIdOf } from "../../proto/ids.ts";
import type { StepName } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { randomFlow } from "../../test/random-flow.ts";
import type { ModelStep } from "../../test/random-flow.ts";
import { nest } from "./nesting.ts";
import type { Nesting } from "./nesting.ts";
import { reach } from "./reachability.ts";
import type { SketchedStep } from "./sketch.ts";

const elements = 2;

function sketchOf({ name, transition, joins }: ModelStep): SketchedStep {
  return { name, transition, takesArgument: joins !== null, takesInputs: joins !== null, transitionAt: 0 };
}

function judge(steps: readonly SketchedStep[]): Nesting | null {
  const { order, objections } = reach(steps);
  if (objections.length > 0) return null;
  const nesting = nest(order);
  return nesting.objections.length > 0 ? null : nesting;
}

/** One open split of a running task: which one, and which of its branches or elements. */
type Level = { readonly split: StepName; readonly instance: string; readonly member: string; readonly index: number | null };
type Token = { readonly step: StepName; readonly open: readonly Level[] };

/** Runs the flow as a coordinator does, by counting arrivals at joins, and says what went wrong. */
function simulate(steps: readonly SketchedStep[], nesting: Nesting, choose: () => number): string | null {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const arrived = new Map<string, Set<string>>();
  const ran = new Set<string>();
  const ready: Token[] = [{ step: "start" as StepName, open: [] }];
  for (let token = ready.pop(); token !== undefined; token = ready.pop()) {
    const { open } = token;
    const step = byName.get(token.step);
    const id = idOf(token.step, open);
    if (step === undefined || ran.has(id)) return `${id} runs twice`;
    ran.add(id);
    const within = nesting.within.get(step.name)?.join();
    if (open.map((level) => level.split).join() !== within)
      return `${id} is within ${open.map((level) => level.split).join()}, not ${within}`;
    for (const next of follow(step, open, choose)) {
      const joins = nesting.joins.get(next.step);
      const last = next.open.at(-1);
      if (joins === undefined) {
        ready.push(next);
        continue;
      }
      if (last?.split !== joins) return `${id} arrives at ${next.step} from ${last?.split}`;
      const key = `${next.step} ${last.instance}`;
      const members = arrived.get(key) ?? new Set();
      if (members.has(last.member)) return `${last.member} arrives twice at ${next.step}`;
      arrived.set(key, members.add(last.member));
      if (members.size === widthOf(byName.get(joins)?.transition ?? null)) {
        arrived.delete(key);
        ready.push({ step: next.step, open: next.open.slice(0, -1) });
      }
    }
  }
  if (arrived.size > 0) return `never complete: ${[...arrived.keys()].join()}`;
  return ran.has("end/0") ? null : "end never runs";
}

/** Tasks are told apart by their foreach indexes alone. */
function idOf(step: StepName, open: readonly Level[]): string {
  return taskIdOf(
    step,
    open.flatMap((level) => level.index ?? []),
  );
}

function widthOf(transition: Transition | null): number {
  return transition?.kind === "branch" ? transition.to.length : elements;
}

function follow({ name, transition }: SketchedStep, open: readonly Level[], choose: () => number): readonly Token[] {
  const instance = idOf(name, open);
  if (transition === null) return [];
  switch (transition.kind) {
    case "end":
      return [];
    case "linear":
      return [{ step: transition.to, open }];
    case "branch":
      return transition.to.map((step) => ({ step, open: [...open, { split: name, instance, member: step, index: null }] }));
    case "foreach":
      return Array.from({ length: elements }, (_, index) => ({
        step: transition.to,
        open: [...open, { split: name, instance, member: `${index}`, index }],
      }));
    case "switch": {
      const cases = Object.values(transition.cases);
      const step = cases[choose() % cases.length];
      return step === undefined ? [] : [{ step, open }];
    }
    default:
      return unreachable(transition);
  }
}

/** A change to one step: another target, another kind of transition, an argument more or less. */
const mutation = fc.record({ at: fc.nat(), what: fc.nat(4), target: fc.nat(), other: fc.nat(), part: fc.nat() });

type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never;

function mutate(steps: readonly SketchedStep[], { at, what, target, other, part }: Mutation): readonly SketchedStep[] {
  const nameAt = (index: number): StepName => steps[index % steps.length]?.name ?? ("end" as StepName);
  return steps.map((step, i) => {
    if (i !== at % steps.length || step.name === "end") return step;
    if (what === 0) return { ...step, takesArgument: !step.takesArgument, takesInputs: false };
    if (what === 1) return { ...step, transition: retarget(step.transition, part, nameAt(target)) };
    if (what === 2) return { ...step, transition: { kind: "linear", to: nameAt(target) } };
    if (what === 3) return { ...step, transition: { kind: "foreach", artifact: "items", to: nameAt(target) } };
    if (nameAt(target) === nameAt(other)) return step;
    const cases = { a: nameAt(target), b: nameAt(other) };
    return {
      ...step,
      transition: part % 2 === 0 ? { kind: "branch", to: Object.values(cases) } : { kind: "switch", condition: "choice", cases },
    };
  });
}

function retarget(transition: Transition | null, part: number, to: StepName): Transition | null {
  if (transition === null || transition.kind === "end") return transition;
  if (transition.kind === "branch") {
    if (transition.to.includes(to)) return transition;
    return { ...transition, to: transition.to.map((name, i) => (i === part % transition.to.length ? to : name)) };
  }
  if (transition.kind !== "switch") return { ...transition, to };
  const keys = Object.keys(transition.cases);
  return { ...transition, cases: { ...transition.cases, [keys[part % keys.length] ?? ""]: to } };
}

test("in a well-formed flow every join gets one arrival for each branch or element, whatever switches choose", () => {
  fc.assert(
    fc.property(randomFlow, fc.infiniteStream(fc.nat(5)), (model, choices) => {
      const steps = model.map(sketchOf);
      const nesting = judge(steps);
      assert.ok(nesting);
      assert.equal(
        simulate(steps, nesting, () => choices.next().value ?? 0),
        null,
      );
    }),
    { numRuns: 1_000 },
  );
});

test("a flow that was changed anyhow is refused, or its joins still count right", () => {
  const verdicts = { refused: 0, accepted: 0 };
  fc.assert(
    fc.property(
      randomFlow,
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      fc.infiniteStream(fc.nat(5)),
      (model, mutations, choices) => {
        const steps = mutations.reduce(mutate, model.map(sketchOf));
        const nesting = judge(steps);
        verdicts[nesting === null ? "refused" : "accepted"] += 1;
        if (nesting === null) return;
        for (let i = 0; i < 5; i++)
          assert.equal(
            simulate(steps, nesting, () => choices.next().value ?? 0),
            null,
          );
      },
    ),
    { numRuns: 20_000 },
  );
  assert.ok(verdicts.refused > 1_000 && verdicts.accepted > 1_000, `both verdicts are seen: ${JSON.stringify(verdicts)}`);
});

const shape = fc.record({
  takesArgument: fc.boolean(),
  kind: fc.constantFrom("linear", "linear", "linear", "branch", "foreach", "switch"),
  targets: fc.tuple(fc.nat(), fc.nat()),
});

/** Steps that lead anywhere further on; few of them are sound. */
const randomSteps = fc.array(shape, { minLength: 2, maxLength: 7 }).map((shapes): readonly SketchedStep[] => {
  const names = ["start", ...shapes.slice(1).map((_, i) => `step${i}`), "end"] as StepName[];
  const steps = shapes.map(({ takesArgument, kind, targets }, i): SketchedStep => {
    // Near, so that few steps are left out.
    const further = names.slice(i + 1, i + 4);
    const [to, other] = targets.map((target) => further[target % further.length] ?? ("end" as StepName)) as [StepName, StepName];
    const cases = { a: to, b: other };
    const transition: Transition =
      kind === "linear" || to === other
        ? { kind: "linear", to }
        : kind === "foreach"
          ? { kind, to, artifact: "items" }
          : kind === "branch"
            ? { kind, to: [to, other] }
            : { kind: "switch", condition: "choice", cases };
    return { name: names[i] ?? to, takesArgument: i > 0 && takesArgument, takesInputs: false, transition, transitionAt: 0 };
  });
  const end = { name: "end" as StepName, takesArgument: false, takesInputs: false, transition: { kind: "end" } as const, transitionAt: 0 };
  return [...steps, end];
});

test("of steps that lead anywhere, only those are accepted whose joins count right", () => {
  let withJoin = 0;
  fc.assert(
    fc.property(randomSteps, fc.infiniteStream(fc.nat(5)), (steps, choices) => {
      const nesting = judge(steps);
      if (nesting === null) return;
      if (nesting.joins.size > 0) withJoin += 1;
      for (let i = 0; i < 5; i++)
        assert.equal(
          simulate(steps, nesting, () => choices.next().value ?? 0),
          null,
        );
    }),
    { numRuns: 30_000 },
  );
  assert.ok(withJoin > 10, `flows with joins are accepted: ${withJoin}`);
});

test("a second join that takes some of the ways from a split is refused", () => {
  fc.assert(
    fc.property(randomFlow, fc.nat(), (model, pick) => {
      const joins = new Map(model.flatMap((step) => (step.joins === null ? [] : [[step.name, step]])));
      const arriving = model.filter((step) => step.transition.kind === "linear" && joins.has(step.transition.to));
      const counts = Map.groupBy(arriving, (step) => (step.transition.kind === "linear" ? step.transition.to : step.name));
      const several = [...counts].filter(([, steps]) => steps.length > 1);
      const [join = "" as StepName, ways = []] = several[pick % several.length] ?? [];
      const original = joins.get(join);
      fc.pre(original !== undefined);
      const second = "second" as StepName;
      const moved = ways[pick % ways.length]?.name;
      const steps = model.map((step) => sketchOf(step.name === moved ? { ...step, transition: { kind: "linear", to: second } } : step));
      assert.equal(judge([...steps, sketchOf({ ...original, name: second })]), null);
    }),
    { numRuns: 500 },
  );
});

test("changes that break the joining are refused", () => {
  fc.assert(
    fc.property(randomFlow, fc.nat(), (model, pick) => {
      const joins = model.filter((step) => step.joins !== null);
      fc.pre(joins.length > 0);
      const broken = joins[pick % joins.length];
      const steps = model.map(sketchOf);
      const withoutInputs = steps.map((step) =>
        step.name === broken?.name ? { ...step, takesArgument: false, takesInputs: false } : step,
      );
      assert.equal(judge(withoutInputs), null);
    }),
    { numRuns: 500 },
  );
});
