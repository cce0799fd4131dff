// A method's text as a syntax tree.

import { parse } from "acorn";
import type { AnyNode, Function as MethodTree } from "acorn";

export type { MethodTree };

/** A method's text is only valid inside a class; its private names belong to the flow's own. */
const head = "class _ extends Object{";

/** Null where the text is no method. */
export function parseMethod(text: string): MethodTree | null {
  try {
    const program = parse(`${head}${text}}`, { ecmaVersion: "latest", checkPrivateFields: false });
    const declaration = program.body[0];
    const member = declaration?.type === "ClassDeclaration" ? declaration.body.body[0] : undefined;
    return member?.type === "MethodDefinition" ? member.value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Where a node of a method's tree starts in the method's text. */
export function offsetOf(node: AnyNode): number {
  return node.start - head.length;
}
