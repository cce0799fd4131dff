// What each step reads and sets, the flow's other methods that it calls included.

import type { Member } from "../package/flow-source.ts";
import { parseMethod } from "./method-text.ts";
import { usesIn } from "./step-uses.ts";
import type { Use } from "./step-uses.ts";

/** Uses of a method called on the way: they have no place in the step's own text. */
export type StepUse = Use & { readonly through: string | null };

export type FlowUses = { of(step: string): readonly StepUse[] };

export function flowUses(members: ReadonlyMap<string, Member>): FlowUses {
  const byMember = new Map<string, readonly Use[]>();
  const usesOf = (member: string): readonly Use[] => {
    const known = byMember.get(member);
    if (known !== undefined) return known;
    const tree = parseMethod(members.get(member)?.text ?? "");
    const uses: readonly Use[] = tree === null ? [{ kind: "escape" }] : usesIn(tree);
    byMember.set(member, uses);
    return uses;
  };
  const expand = (member: string, through: string | null, entered: ReadonlySet<string>): readonly StepUse[] =>
    usesOf(member).flatMap((use): readonly StepUse[] => {
      const own = { ...use, through };
      const called = (use.kind === "call" || use.kind === "read") && members.has(use.name) ? use.name : null;
      if (called === null || entered.has(called)) return [own];
      return [own, ...expand(called, through ?? called, new Set([...entered, called]))];
    });
  return { of: (step) => expand(step, null, new Set([step])) };
}
