// Walking the syntax tree of a method.

import type { AnyNode, Expression, MemberExpression } from "acorn";

/** A node is what has a type; the rest of its properties are values, lists and children. */
export function childrenOf(node: AnyNode): readonly AnyNode[] {
  return Object.values(node).flatMap((value: unknown) => (Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : []));
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

/** A function or class body with a `this` of its own. */
export function hasOwnThis(node: AnyNode): boolean {
  return node.type === "FunctionDeclaration" || node.type === "FunctionExpression" || node.type === "ClassBody";
}

export function isFunction(node: AnyNode): boolean {
  return hasOwnThis(node) || node.type === "ArrowFunctionExpression";
}

/** Visits the nodes below `node`, parents first, that mean the same `this`. */
export function walkThis(node: AnyNode, visit: (node: AnyNode) => void): void {
  for (const child of childrenOf(node)) {
    if (hasOwnThis(child)) continue;
    visit(child);
    walkThis(child, visit);
  }
}

/** `name` of `this.name`; null for anything else. */
export function thisMember(node: AnyNode): string | null {
  if (node.type !== "MemberExpression" || node.object.type !== "ThisExpression") return null;
  return propertyName(node);
}

/** Null where it is computed or private. */
export function propertyName(node: MemberExpression): string | null {
  if (node.computed) return node.property.type === "PrivateIdentifier" ? null : literalText(node.property);
  return node.property.type === "Identifier" ? node.property.name : null;
}

/** Text of a string that is known without running anything. */
export function literalText(node: Expression): string | null {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : null;
  const [quasi, ...more] = node.type === "TemplateLiteral" ? node.quasis : [];
  return quasi === undefined || more.length > 0 ? null : (quasi.value.cooked ?? null);
}
