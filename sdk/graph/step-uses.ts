// What the text of a method says about artifacts: which it reads and sets, in the order of evaluation.

import type { AnyNode, CallExpression, ObjectExpression } from "acorn";
import { offsetOf } from "./method-text.ts";
import type { MethodTree } from "./method-text.ts";
import { childrenOf, hasOwnThis, isFunction, literalText, thisMember } from "./syntax-tree.ts";

/** `at` is an offset in the method's text. `loose` parts may run in another order than they are written, or never. */
export type Use =
  | { readonly kind: "read" | "set"; readonly name: string; readonly at: number; readonly loose: boolean }
  /** A method of the flow. */
  | { readonly kind: "call"; readonly name: string; readonly at: number; readonly loose: boolean }
  /** `names` null: no list that can be read. */
  | { readonly kind: "merge"; readonly mode: "all" | "include" | "exclude"; readonly names: readonly string[] | null; readonly at: number }
  /** The flow goes where nobody follows it: anything may be read and set. */
  | { readonly kind: "escape" };

const loops = new Set(["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"]);

export function usesIn(tree: MethodTree): readonly Use[] {
  const uses: Use[] = [];
  visit(tree.body, { uses, loose: false });
  return uses;
}

type Visit = { readonly uses: Use[]; readonly loose: boolean };

function visit(node: AnyNode, state: Visit): void {
  const { uses, loose } = state;
  const name = thisMember(node);
  if (name !== null) uses.push({ kind: "read", name, at: offsetOf(node), loose });
  else if (node.type === "ThisExpression") uses.push({ kind: "escape" });
  else if (node.type === "AssignmentExpression" && node.operator === "=") {
    visit(node.right, state);
    visitTarget(node.left, state);
  } else if (node.type === "AssignmentExpression") {
    // `??=` and its like may find nothing there, on purpose.
    if (!["??=", "||=", "&&="].includes(node.operator)) visit(node.left, state);
    visit(node.right, state);
    visitTarget(node.left, state);
  } else if (node.type === "UpdateExpression") {
    visit(node.argument, state);
    visitTarget(node.argument, state);
  } else if (node.type === "CallExpression") visitCall(node, state);
  else if (node.type === "VariableDeclarator" && node.init?.type === "ThisExpression" && readsOnly(node.id)) {
    for (const property of node.id.properties) {
      const key = property.type === "Property" && property.key.type === "Identifier" ? property.key.name : null;
      if (key !== null) uses.push({ kind: "read", name: key, at: offsetOf(property), loose });
    }
  } else visitChildren(node, state);
}

function visitChildren(node: AnyNode, { uses, loose }: Visit): void {
  if (node.type === "ForOfStatement" || node.type === "ForInStatement") visitTarget(node.left, { uses, loose: true });
  // `typeof this.x` and `"x" in this` ask; they don't read.
  if (node.type === "UnaryExpression" && node.operator === "typeof" && thisMember(node.argument) !== null) return;
  if (node.type === "BinaryExpression" && node.operator === "in" && node.right.type === "ThisExpression") return;
  for (const child of childrenOf(node)) {
    if (!hasOwnThis(child)) visit(child, { uses, loose: loose || loops.has(node.type) || isFunction(child) });
  }
}

/** What is assigned to: a member, or a pattern of them. */
function visitTarget(node: AnyNode, state: Visit): void {
  const name = thisMember(node);
  if (name !== null) state.uses.push({ kind: "set", name, at: offsetOf(node), loose: state.loose });
  else if (node.type === "MemberExpression" && node.object.type === "ThisExpression") {
    if (node.property.type !== "PrivateIdentifier") state.uses.push({ kind: "escape" });
  } else if (node.type === "MemberExpression") visit(node.object, state);
  else if (node.type === "AssignmentPattern") visitTarget(node.left, state);
  else for (const child of childrenOf(node)) visitTarget(child, state);
}

function visitCall(node: CallExpression, state: Visit): void {
  const { uses, loose } = state;
  const name = thisMember(node.callee);
  if (name === "next") return;
  if (name === "mergeArtifacts") {
    for (const argument of node.arguments) visit(argument, state);
    uses.push(mergeOf(node));
    return;
  }
  // Arguments are evaluated first.
  if (name === null) visit(node.callee, state);
  for (const argument of node.arguments) visit(argument, state);
  if (name !== null) uses.push({ kind: "call", name, at: offsetOf(node), loose });
  if (node.callee.type === "MemberExpression" && node.callee.object.type === "Super") uses.push({ kind: "escape" });
}

function mergeOf(node: CallExpression): Use {
  const options = node.arguments[1];
  const at = offsetOf(node);
  if (options === undefined) return { kind: "merge", mode: "all", names: null, at };
  const lists = options.type === "ObjectExpression" ? namedLists(options) : [];
  const [list] = lists;
  return list === undefined ? { kind: "merge", mode: "all", names: null, at } : { kind: "merge", ...list, at };
}

function namedLists(options: ObjectExpression): { readonly mode: "include" | "exclude"; readonly names: readonly string[] | null }[] {
  return options.properties.flatMap((property) => {
    const mode = property.type === "Property" && property.key.type === "Identifier" ? property.key.name : null;
    if (property.type !== "Property" || (mode !== "include" && mode !== "exclude")) return [];
    const elements = property.value.type === "ArrayExpression" ? property.value.elements : [];
    const names = elements.flatMap((element) => (element === null || element.type === "SpreadElement" ? [] : (literalText(element) ?? [])));
    return [{ mode, names: property.value.type === "ArrayExpression" && names.length === elements.length ? names : null }];
  });
}

function readsOnly(pattern: AnyNode): pattern is Extract<AnyNode, { type: "ObjectPattern" }> {
  return pattern.type === "ObjectPattern" && pattern.properties.every((each) => each.type === "Property" && !each.computed);
}
