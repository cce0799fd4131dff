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
import { givesInputsAway } from "./input-uses.ts";
import { parseMethod } from "./method-text.ts";
import type { Use } from "./step-uses.ts";
import { childrenOf, literalText, thisMember } from "./syntax-tree.ts";
import { readTransition } from "./transition-syntax.ts";

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
  const texts = new StepTexts({
    code: loaded.code,
    classTexts: classTextsOf(flowClass),
    members,
    steps: new Set(steps.map((step) => step.name)),
    uses,
  });
  const codes = new Map(steps.map(({ name }) => [name, texts.of(name)]));
  const elements = elementSteps(members, new Set(steps.map((step) => step.name)));
  const reads = steps.map(({ name }) => {
    const tree = elements.has(name) ? null : parseMethod(members.get(name)?.text ?? "");
    const { everything, names: read } = readsOf(uses.of(name), codes.get(name));
    return { name, everything: everything || (tree !== null && givesInputsAway(tree)), names: read };
  });
  return {
    stepHashes: new Map(
      steps.map(({ name, policy }) => [name, hashOf([...(codes.get(name)?.texts ?? []), JSON.stringify(policy.environment)])]),
    ),
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

type Reads = { readonly everything: boolean; readonly names: ReadonlySet<string> };

/** Beside `this.rate`, a step finds its parameters in `current.parameters` and, a join, in its inputs: `inputs[0].rate`. */
function readsOf(uses: readonly Use[], code: StepCode | undefined): Reads {
  const names = new Set(code?.properties);
  for (const use of uses) if (use.kind === "read" || use.kind === "call") names.add(use.name);
  return { everything: code?.asksCurrent === true || uses.some((use) => use.kind === "escape"), names };
}

/** Steps that a foreach starts: their parameter is an element. That of any other step is a join's inputs. */
function elementSteps(members: ReadonlyMap<string, Member>, steps: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (node: AnyNode): void => {
    if (node.type === "CallExpression" && thisMember(node.callee) === "next") {
      const written = readTransition(node);
      if ("kind" in written && written.kind === "foreach") found.add(written.to.step);
    }
    for (const child of childrenOf(node)) visit(child);
  };
  for (const step of steps) {
    const tree = parseMethod(members.get(step)?.text ?? "");
    if (tree !== null) visit(tree.body);
  }
  return found;
}

type Code = {
  readonly code: string;
  readonly classTexts: readonly string[];
  readonly members: ReadonlyMap<string, Member>;
  readonly steps: ReadonlySet<string>;
  readonly uses: FlowUses;
};

/** What a step comes to: its own text first, then that of others in a fixed order. */
type StepCode = {
  readonly texts: readonly string[];
  /** What the step and the flow's other methods that it calls look up in anything. */
  readonly properties: ReadonlySet<string>;
  /** Some of it may look up `current.parameters`. */
  readonly asksCurrent: boolean;
};

/** A statement at the top level of the bundle, with the names that it mentions. */
type Statement = { readonly text: string; readonly mentions: ReadonlySet<string>; readonly properties: ReadonlySet<string> };

class StepTexts {
  readonly #code: Code;
  /** By name, the statements that declare it or that may change it. */
  readonly #statements: ReadonlyMap<string, readonly Statement[]>;

  constructor(code: Code) {
    this.#code = code;
    this.#statements = statementsByName(code);
  }

  of(step: StepName): StepCode {
    const { members, steps, uses } = this.#code;
    const all = uses.of(step);
    const helpers = [...members.values()].filter(({ name }) => {
      if (steps.has(name)) return false;
      return all.some((use) => use.kind === "escape" || ((use.kind === "read" || use.kind === "call") && use.name === name));
    });
    const own = [members.get(step)?.text ?? "", ...helpers.map((member) => member.text)];
    const trees = own.map((text) => parse(`class _ extends Object{${text}}`, { ecmaVersion: "latest", checkPrivateFields: false }));
    const reached = new Set<Statement>();
    for (const tree of trees) this.#reach(mentionsOf(tree), reached);
    const properties = new Set(trees.flatMap((tree) => [...propertiesOf(tree)]));
    return {
      texts: [...own, ...[...reached].map((statement) => statement.text).toSorted()],
      properties,
      asksCurrent: asksCurrent(
        properties,
        [...reached].map((statement) => statement.properties),
      ),
    };
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
    properties: propertiesOf(node),
    names: definedBy(node),
  }));
  // Flow classes hold the steps, which are judged one by one, and the decorators, which don't change what a step does.
  const flows = statements.filter(({ text }) => classTexts.some((classText) => text.includes(classText)));
  const flowNames = new Set(flows.flatMap((statement) => statement.names));
  const byName = new Map<string, Statement[]>();
  for (const statement of statements) {
    const decorates = /^(\w+ = )?__(decorat|runInit)/.test(statement.text) && [...statement.mentions].some((name) => flowNames.has(name));
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

/** In the bundle `current` is a property of the imported module. */
function asksCurrent(own: ReadonlySet<string>, reached: readonly ReadonlySet<string>[]): boolean {
  if (reached.some((properties) => properties.has("current") && properties.has("parameters"))) return true;
  return own.has("parameters") && [own, ...reached].some((properties) => properties.has("current"));
}

/** Names that the tree looks up in objects; any text may be such a name. */
function propertiesOf(node: AnyNode): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (each: AnyNode): void => {
    if (each.type === "MemberExpression" && !each.computed && each.property.type === "Identifier") names.add(each.property.name);
    if (each.type === "ObjectPattern") {
      for (const property of each.properties)
        if (property.type === "Property" && !property.computed && property.key.type === "Identifier") names.add(property.key.name);
    }
    const text = each.type === "Literal" || each.type === "TemplateLiteral" ? literalText(each) : null;
    if (text !== null) names.add(text);
    for (const child of childrenOf(each)) visit(child);
  };
  visit(node);
  return names;
}
