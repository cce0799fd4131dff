// Whether artifacts are set before they are read. What is reported cannot work on any path; what works on some is not.

import type { StepName } from "../../proto/ids.ts";
import type { FlowDefinition, StepDefinition } from "../flow/definition.ts";
import { nearest } from "../flow/nearest.ts";
import { reservedNames } from "../flow/reserved.ts";
import type { FlowSource } from "../package/flow-source.ts";
import { flowUses } from "./flow-uses.ts";
import type { StepUse } from "./flow-uses.ts";
import type { Nesting } from "./nesting.ts";
import { edgesOf } from "./sketch.ts";
import type { SketchedStep, StepObjection } from "./sketch.ts";

type CheckedParts = {
  readonly definition: FlowDefinition;
  readonly source: FlowSource;
  /** All steps, each after all that lead to it. */
  readonly order: readonly SketchedStep[];
  readonly nesting: Nesting;
};

/** Artifacts that some path may have set. */
type Artifacts = { readonly names: ReadonlySet<string>; readonly anything: boolean };

const none: Artifacts = { names: new Set(), anything: false };

export function checkArtifacts(parts: CheckedParts): readonly StepObjection[] {
  const uses = flowUses(parts.source.members);
  const steps = parts.order.map((step) => ({ step, uses: uses.of(step.name) }));
  const objections = steps.flatMap(({ step, uses }) => wrongNames(step, uses, parts));
  const caughtBy = new Map(parts.definition.steps.map((step) => [step.name as StepName, caughtName(step)]));
  const everSet = new Set([...steps.flatMap(({ uses }) => setNames(uses)), ...[...caughtBy.values()].flat()]);
  const foreachSplits = new Set(parts.order.flatMap((step) => (step.transition?.kind === "foreach" ? [step.name] : [])));
  objections.push(...steps.flatMap(({ step, uses }) => (parts.nesting.joins.has(step.name) ? [] : mergesOutsideJoin(step, uses))));
  const after = new Map<StepName, Artifacts>();
  const known = knownNames(parts);
  const everEarlier = new Set<string>();
  const arrived = new Map<StepName, Artifacts[]>(parts.order.map((step) => [step.name, []]));
  for (const { step, uses } of steps) {
    const arriving = union(arrived.get(step.name) ?? []);
    const split = parts.nesting.joins.get(step.name) ?? null;
    const before = union([split === null ? arriving : none, mergedFrom(arriving, uses)]);
    const caught = caughtBy.get(step.name) ?? [];
    const set = union([before, { names: new Set([...setNames(uses), ...caught]), anything: escapes(uses) }]);
    after.set(step.name, set);
    const setEarlier = new Set(everEarlier);
    for (const name of setNames(uses)) everEarlier.add(name);
    for (const { to } of edgesOf(step)) arrived.get(to)?.push(set);
    const look = { step, uses, known, everSet, setEarlier };
    const joined = split === null ? null : { before: after.get(split) ?? none, foreach: foreachSplits.has(split) };
    objections.push(...unsetReads({ ...look, available: before, joined }), ...unsetTransition({ ...look, available: set }));
  }
  return objections;
}

function union(all: readonly Artifacts[]): Artifacts {
  return { names: new Set(all.flatMap((each) => [...each.names])), anything: all.some((each) => each.anything) };
}

function setNames(uses: readonly StepUse[]): readonly string[] {
  return uses.flatMap((use) => (use.kind === "set" ? [use.name] : []));
}

function escapes(uses: readonly StepUse[]): boolean {
  return uses.some((use) => use.kind === "escape");
}

function caughtName({ policy }: StepDefinition): readonly string[] {
  const name = policy.catch?.var ?? null;
  return name === null ? [] : [name];
}

function mergedFrom(arriving: Artifacts, uses: readonly StepUse[]): Artifacts {
  return union(
    uses.map((use) => {
      if (use.kind !== "merge") return none;
      const { names } = use;
      if (use.mode === "include" && names !== null) return { names: new Set(names), anything: false };
      if (use.mode === "exclude" && names !== null) return { names: without(arriving.names, names), anything: arriving.anything };
      return arriving;
    }),
  );
}

function without(names: ReadonlySet<string>, excluded: readonly string[]): ReadonlySet<string> {
  return new Set([...names].filter((name) => !excluded.includes(name)));
}

/** Names that `this` has without any step setting them. */
function knownNames({ definition, source }: CheckedParts): ReadonlySet<string> {
  const parameters = definition.parameters.map((parameter) => parameter.spec.name);
  // What every object has can be read, though nobody should.
  return new Set([
    ...reservedNames,
    ...source.members.keys(),
    ...parameters,
    ...Object.keys(definition.constants),
    ...Object.getOwnPropertyNames(Object.prototype),
  ]);
}

function wrongNames(step: SketchedStep, uses: readonly StepUse[], { definition, source }: CheckedParts): readonly StepObjection[] {
  return uses.flatMap((use): readonly StepObjection[] => {
    if (use.kind !== "set" || use.through !== null) return [];
    const { name, at } = use;
    const where = { step: step.name, at };
    if (definition.parameters.some((parameter) => parameter.spec.name === name)) {
      return [
        {
          ...where,
          code: "SW1103",
          message: `"${step.name}" assigns the parameter "${name}"`,
          hint: "parameters keep their values; use an artifact with a name of its own",
        },
      ];
    }
    if (Object.hasOwn(definition.constants, name)) {
      const hint = `declare it without a value (declare ${name}: …) and set it in a step, or use another name`;
      return [
        { ...where, code: "SW1103", message: `"${step.name}" assigns "${name}", which is a constant: the class gives it a value`, hint },
      ];
    }
    if (reservedNames.has(name))
      return [{ ...where, code: "SW1104", message: `"${step.name}" sets "${name}", which every flow has`, hint: "choose another name" }];
    const member = source.members.get(name);
    if (member?.kind !== "method") return [];
    return [
      { ...where, code: "SW1104", message: `"${step.name}" sets "${name}", which is a method of the flow`, hint: "choose another name" },
    ];
  });
}

function mergesOutsideJoin(step: SketchedStep, uses: readonly StepUse[]): readonly StepObjection[] {
  return uses.flatMap((use) => {
    if (use.kind !== "merge" || use.through !== null) return [];
    const message = `"${step.name}" calls this.mergeArtifacts, but is no join`;
    return [{ step: step.name, at: use.at, code: "SW1108", message, hint: "outside of joins artifacts are there already" } as const];
  });
}

type Look = {
  readonly step: SketchedStep;
  readonly uses: readonly StepUse[];
  readonly known: ReadonlySet<string>;
  /** By any step of the flow. */
  readonly everSet: ReadonlySet<string>;
  /** By steps that come before in the order. */
  readonly setEarlier: ReadonlySet<string>;
  /** What the step finds, and in a transition also what it has set. */
  readonly available: Artifacts;
};

/** What was there before the split that the step joins; null where it is no join. */
type Joined = { readonly before: Artifacts; readonly foreach: boolean } | null;

function unsetReads(look: Look & { readonly joined: Joined }): readonly StepObjection[] {
  const { step, uses, known, available, joined } = look;
  const told = new Set<string>();
  return uses.flatMap((use, i): readonly StepObjection[] => {
    if (use.kind !== "read" || use.through !== null) return [];
    const { name, at } = use;
    if (told.has(name) || known.has(name) || available.anything || available.names.has(name) || mayBeSetBefore(uses, i)) return [];
    told.add(name);
    const where = { step: step.name, at };
    if (joined === null || !(joined.before.anything || joined.before.names.has(name))) {
      const message = `"${step.name}" reads this.${name}, which no step before it has set`;
      return [{ ...where, code: "SW1101", message, hint: hintAt(name, look) }];
    }
    const hint = `take it over with this.mergeArtifacts(inputs, { include: ["${name}"] }), or read it from an input`;
    const message = `join "${step.name}" reads this.${name}, but a join inherits nothing`;
    if (!joined.foreach) return [{ ...where, code: "SW1105", message, hint }];
    return [{ ...where, code: "SW1107", message: `${message} unless its foreach was empty`, hint }];
  });
}

/** Whether the step itself may have set what it reads at `index`. */
function mayBeSetBefore(uses: readonly StepUse[], index: number): boolean {
  const read = uses[index];
  if (read?.kind !== "read") return true;
  return uses.some((use, i) => {
    if (use.kind === "escape") return i < index;
    return use.kind === "set" && use.name === read.name && (i < index || use.loose || read.loose);
  });
}

function unsetTransition(look: Look): readonly StepObjection[] {
  const { step, known, available } = look;
  const { transition } = step;
  const name = transition?.kind === "foreach" ? transition.artifact : transition?.kind === "switch" ? transition.condition : null;
  if (name === null || available.anything || available.names.has(name)) return [];
  // Parameters and constants are known; so are methods, which nothing can fan out over, but the compiler says that.
  if (known.has(name) && !reservedNames.has(name)) return [];
  const what = transition?.kind === "foreach" ? "fans out over" : "switches on";
  return [
    {
      step: step.name,
      at: step.transitionAt,
      code: "SW1102",
      message: `"${step.name}" ${what} "${name}", which nothing has set`,
      hint: hintAt(name, look),
    },
  ];
}

function hintAt(name: string, { everSet, setEarlier, known, available }: Look): string {
  if (setEarlier.has(name)) return `a join takes over nothing by itself: call this.mergeArtifacts(inputs, { include: ["${name}"] }) there`;
  if (everSet.has(name)) return `set this.${name} before it is read`;
  const near = nearest(
    name,
    [...available.names, ...everSet, ...known].filter((each) => !(each in Object.prototype)),
  );
  return near === null ? `set this.${name} in a step before` : `did you mean this.${near}?`;
}
