// From a call of `this.next` to the transition that it asks for.

import type { AnyNode, CallExpression, ObjectExpression } from "acorn";
import { offsetOf } from "./method-text.ts";
import { literalText, thisMember } from "./syntax-tree.ts";

/** A transition whose targets nobody has looked up yet. */
export type WrittenTransition =
  | { readonly kind: "linear"; readonly to: WrittenTarget }
  | { readonly kind: "branch"; readonly to: readonly WrittenTarget[] }
  | { readonly kind: "foreach"; readonly to: WrittenTarget; readonly artifact: string; readonly at: number }
  | { readonly kind: "switch"; readonly cases: readonly WrittenCase[]; readonly condition: string; readonly at: number };

/** `at` is an offset in the method's text. */
export type WrittenTarget = { readonly step: string; readonly at: number };
type WrittenCase = WrittenTarget & { readonly key: string };

type Misread = { readonly misread: string; readonly hint: string; readonly at: number };

const forms =
  'the forms are this.next(this.a), this.next(this.a, this.b), this.next(this.a, { foreach: "items" }) and ' +
  'this.next({ x: this.a, y: this.b }, { condition: "artifact" })';

function misread(what: string, node: AnyNode, hint: string = forms): Misread {
  return { misread: what, hint, at: offsetOf(node) };
}

export function readTransition(call: CallExpression): WrittenTransition | Misread {
  const [first, ...rest] = call.arguments;
  if (first === undefined) return misread("this.next() names no step", call, "name the next step: this.next(this.NAME)");
  const last = rest.at(-1);
  if (last?.type === "ObjectExpression") {
    const options = readOptions(last);
    if ("misread" in options) return options;
    if (rest.length > 1) return misread(`${options.name} takes one first argument, and here are ${rest.length}`, call);
    return options.name === "foreach" ? readForeach(first, options) : readSwitch(first, options);
  }
  if (first.type === "ObjectExpression" && rest.length === 0) {
    const hint = 'name the artifact that decides: this.next({ … }, { condition: "artifact" })';
    return misread("this.next has cases but no condition", first, hint);
  }
  const targets: WrittenTarget[] = [];
  for (const argument of call.arguments) {
    const target = readTarget(argument);
    if ("misread" in target) return target;
    targets.push(target);
  }
  const [only] = targets;
  return only !== undefined && targets.length === 1 ? { kind: "linear", to: only } : { kind: "branch", to: targets };
}

function readTarget(node: AnyNode): WrittenTarget | Misread {
  const step = thisMember(node);
  if (step !== null && node.type === "MemberExpression") return { step, at: offsetOf(node.property) };
  return misread("this.next takes steps as this.NAME only, so that the graph is known before anything runs", node);
}

type Options = { readonly name: "foreach" | "condition"; readonly artifact: string; readonly at: number };

function readOptions(node: ObjectExpression): Options | Misread {
  const [property, ...more] = node.properties;
  if (property === undefined || more.length > 0 || property.type !== "Property" || property.computed) {
    return misread("the last argument of this.next has either foreach or condition, and nothing else", node);
  }
  const name = property.key.type === "Identifier" ? property.key.name : literalText(property.key);
  if (name !== "foreach" && name !== "condition") {
    return misread(`this.next has no option "${name}"`, property, "the options are foreach and condition");
  }
  const artifact = literalText(property.value);
  if (artifact !== null) return { name, artifact, at: offsetOf(property.value) };
  return misread(`${name} takes the name of an artifact as a literal string`, property.value, `write { ${name}: "NAME" }`);
}

function readForeach(first: AnyNode, options: Options): WrittenTransition | Misread {
  const to = readTarget(first);
  return "misread" in to ? to : { kind: "foreach", to, artifact: options.artifact, at: options.at };
}

function readSwitch(first: AnyNode, options: Options): WrittenTransition | Misread {
  if (first.type !== "ObjectExpression") {
    return misread(
      "condition takes cases as the first argument",
      first,
      `write this.next({ x: this.a, y: this.b }, { condition: "${options.artifact}" })`,
    );
  }
  const cases: WrittenCase[] = [];
  for (const property of first.properties) {
    const key = property.type === "Property" ? caseKey(property) : null;
    if (property.type !== "Property" || key === null) {
      return misread("a case of this.next is a literal name with a step: { big: this.a }", property);
    }
    const target = readTarget(property.value);
    if ("misread" in target) return target;
    cases.push({ ...target, key });
  }
  return { kind: "switch", cases, condition: options.artifact, at: options.at };
}

function caseKey(property: Extract<ObjectExpression["properties"][number], { type: "Property" }>): string | null {
  const { key } = property;
  if (property.computed) return literalText(key);
  if (key.type === "Identifier") return key.name;
  return key.type === "Literal" && (typeof key.value === "string" || typeof key.value === "number") ? String(key.value) : null;
}
