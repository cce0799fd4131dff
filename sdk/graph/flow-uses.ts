// What each step reads and sets, the flow's other methods that it calls included.

import type { FlowDefinition } from "../flow/definition.ts";
import type { FlowSource } from "../package/flow-source.ts";
import { parseMethod } from "./step-syntax.ts";
import { usesIn } from "./step-uses.ts";
import type { Use } from "./step-uses.ts";

/** Uses of a method called on the way: they have no place in the step's own text. */
export type StepUse = Use & { readonly through: string | null };

export type FlowUses = { of(step: string): readonly StepUse[] };

export function flowUses(source: FlowSource): FlowUses {
  const byMember = new Map<string, readonly Use[]>();
  const usesOf = (member: string): readonly Use[] => {
    const known = byMember.get(member);
    if (known !== undefined) return known;
    const tree = parseMethod(source.members.get(member)?.text ?? "");
    const uses: readonly Use[] = tree === null ? [{ kind: "escape" }] : usesIn(tree);
    byMember.set(member, uses);
    return uses;
  };
  const expand = (member: string, through: string | null, entered: ReadonlySet<string>): readonly StepUse[] =>
    usesOf(member).flatMap((use): readonly StepUse[] => {
      const own = { ...use, through };
      const called = (use.kind === "call" || use.kind === "read") && source.members.has(use.name) ? use.name : null;
      if (called === null || entered.has(called)) return [own];
      return [own, ...expand(called, through ?? called, new Set([...entered, called]))];
    });
  return { of: (step) => expand(step, null, new Set([step])) };
}

/** For each parameter the steps whose code may read it. */
export function parametersReadBy(definition: FlowDefinition, source: FlowSource): Readonly<Record<string, readonly string[]>> {
  const uses = flowUses(source);
  const reading = definition.steps.map(({ name }) => {
    const all = uses.of(name);
    const everything = all.some((use) => use.kind === "escape");
    const read = new Set(all.flatMap((use) => (use.kind === "read" || use.kind === "call" ? [use.name] : [])));
    return { name, reads: (parameter: string) => everything || read.has(parameter) };
  });
  return Object.fromEntries(
    definition.parameters.map(({ spec }) => [spec.name, reading.filter((step) => step.reads(spec.name)).map((step) => step.name)]),
  );
}
