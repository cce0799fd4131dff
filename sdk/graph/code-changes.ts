// What a resumed run must know about code: which steps it changed, and which read a parameter.

import { hash } from "node:crypto";
import { parse } from "acorn";
import type { AnyNode } from "acorn";
import { parseSha256, parseStepName } from "../../proto/ids.ts";
import type { Sha256, StepName } from "../../proto/ids.ts";
import { definitionOf } from "../flow/definition.ts";
import * as stepwell from "../index.ts";
import { openPackage } from "../package/code-package.ts";
import { classTextsOf, membersOf } from "../package/flow-source.ts";
import type { Member } from "../package/flow-source.ts";
import { flowUses } from "./flow-uses.ts";
import type { FlowUses } from "./flow-uses.ts";
import { childrenOf } from "./syntax-tree.ts";

export type CodeFacts = {
  /** Of a step's text and of all code of the package that it can come to; not of its decorators, `@environment` excepted. */
  readonly stepHashes: ReadonlyMap<StepName, Sha256>;
  /** For each parameter and constant the steps whose code may read it. */
  readonly readBy: Readonly<Record<string, readonly StepName[]>>;
};

/** @throws CodePackageError, and what the package's modules throw */
export function readCodeFacts(codePackage: Uint8Array): CodeFacts {
  const loaded = openPackage(codePackage, { stepwell });
  const flowClass = loaded.freshFlow();
  const definition = definitionOf(flowClass);
  const members = membersOf(flowClass, loaded.code);
  const uses = flowUses(members);
  const steps = definition.steps.map((step) => ({ ...step, name: parseStepName(step.name) }));
  const names = [...definition.parameters.map((parameter) => parameter.spec.name), ...Object.keys(definition.constants)];
  const reads = steps.map(({ name }) => ({ name, ...readsOf(name, uses) }));
  const texts = new StepTexts({
    code: loaded.code,
    classTexts: classTextsOf(flowClass),
    members,
    steps: new Set(steps.map((step) => step.name)),
    uses,
  });
  return {
    stepHashes: new Map(steps.map(({ name, policy }) => [name, hashOf([...texts.of(name), JSON.stringify(policy.environment)])])),
    readBy: Object.fromEntries(
      names.map((name) => [name, reads.filter((step) => step.everything || step.names.has(name)).map((step) => step.name)]),
    ),
  };
}

/** Steps of the second package that the first doesn't have, or has with other code. */
export function changedSteps(before: CodeFacts, after: CodeFacts): readonly StepName[] {
  return [...after.stepHashes].flatMap(([step, sha256]) => (before.stepHashes.get(step) === sha256 ? [] : [step]));
}

function hashOf(texts: readonly string[]): Sha256 {
  return parseSha256(hash("sha256", texts.join("\0")));
}

function readsOf(step: StepName, uses: FlowUses): { readonly everything: boolean; readonly names: ReadonlySet<string> } {
  const all = uses.of(step);
  const names = new Set(all.flatMap((use) => (use.kind === "read" || use.kind === "call" ? [use.name] : [])));
  return { everything: all.some((use) => use.kind === "escape"), names };
}

type Code = {
  readonly code: string;
  readonly classTexts: readonly string[];
  readonly members: ReadonlyMap<string, Member>;
  readonly steps: ReadonlySet<string>;
  readonly uses: FlowUses;
};

/** A statement at the top level of the bundle, with the names that it mentions. */
type Statement = { readonly text: string; readonly mentions: ReadonlySet<string> };

class StepTexts {
  readonly #code: Code;
  /** By name, the statements that declare it or that may change it. */
  readonly #statements: ReadonlyMap<string, readonly Statement[]>;

  constructor(code: Code) {
    this.#code = code;
    this.#statements = statementsByName(code);
  }

  /** The step's own text first, then what it comes to, in a fixed order. */
  of(step: StepName): readonly string[] {
    const { members, steps, uses } = this.#code;
    const all = uses.of(step);
    const helpers = [...members.values()].filter(({ name }) => {
      if (steps.has(name)) return false;
      return all.some((use) => use.kind === "escape" || ((use.kind === "read" || use.kind === "call") && use.name === name));
    });
    const own = [members.get(step)?.text ?? "", ...helpers.map((member) => member.text)];
    const reached = new Set<Statement>();
    for (const text of own)
      this.#reach(mentionsOf(parse(`class _ extends Object{${text}}`, { ecmaVersion: "latest", checkPrivateFields: false })), reached);
    return [...own, ...[...reached].map((statement) => statement.text).toSorted()];
  }

  #reach(names: ReadonlySet<string>, reached: Set<Statement>): void {
    for (const name of names) {
      for (const statement of this.#statements.get(name) ?? []) {
        if (reached.has(statement)) continue;
        reached.add(statement);
        this.#reach(statement.mentions, reached);
      }
    }
  }
}

function statementsByName({ code, classTexts }: Code): ReadonlyMap<string, readonly Statement[]> {
  const program = parse(code, { ecmaVersion: "latest", sourceType: "script" });
  const statements = program.body.map((node) => ({
    text: code.slice(node.start, node.end),
    mentions: mentionsOf(node),
    names: definedBy(node),
  }));
  // Flow classes hold the steps, which are judged one by one, and the decorators, which don't change what a step does.
  const flows = statements.filter(({ text }) => classTexts.some((classText) => text.includes(classText)));
  const flowNames = new Set(flows.flatMap((statement) => statement.names));
  const byName = new Map<string, Statement[]>();
  for (const statement of statements) {
    const decorates = statement.text.startsWith("__decorat") && [...statement.mentions].some((name) => flowNames.has(name));
    if (flows.includes(statement) || decorates) continue;
    for (const name of statement.names) byName.set(name, [...(byName.get(name) ?? []), statement]);
  }
  return byName;
}

/** Names that a top-level statement declares or assigns; for one with other effects all that it mentions. */
function definedBy(node: AnyNode): readonly string[] {
  if (node.type === "FunctionDeclaration" || node.type === "ClassDeclaration") return node.id === null ? [] : [node.id.name];
  if (node.type === "VariableDeclaration") return node.declarations.flatMap((declaration) => [...mentionsOf(declaration.id)]);
  return [...mentionsOf(node)];
}

/** All names in the tree that are no names of properties; some may mean something local, which only makes the answer safer. */
function mentionsOf(node: AnyNode): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (each: AnyNode): void => {
    if (each.type === "Identifier") names.add(each.name);
    const key = (each.type === "MemberExpression" || each.type === "Property" || each.type === "MethodDefinition") && !each.computed;
    const skipped = !key
      ? null
      : each.type === "MemberExpression"
        ? each.property
        : each.type === "Property" && each.shorthand
          ? null
          : each.key;
    for (const child of childrenOf(each)) if (child !== skipped) visit(child);
  };
  visit(node);
  return names;
}
