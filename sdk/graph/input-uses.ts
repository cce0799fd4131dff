// Whether a join lets code that nobody follows look into its inputs, by the text of the join alone.
//
// Where in doubt it does: a step that is run again needlessly costs time, a wrong value that is kept costs more.

import type { AnyNode, CallExpression } from "acorn";
import type { MethodTree } from "./method-text.ts";
import { childrenOf, propertyName, thisMember } from "./syntax-tree.ts";

/** All inputs, or one of them. */
type Held = "list" | "one";

/** Methods of an array that hand out nothing of it but what their function returns. */
const answering = new Set(["every", "findIndex", "flatMap", "forEach", "map", "reduce", "some"]);
/** And those that hand out one element, or a list of them. */
const choosing = new Map<string, Held>([
  ["at", "one"],
  ["find", "one"],
  ["filter", "list"],
  ["slice", "list"],
  ["toReversed", "list"],
  ["toSorted", "list"],
]);

/** Methods that take numbers and no function. */
const indexed = new Set(["at", "slice"]);

export function givesInputsAway(tree: MethodTree): boolean {
  const [inputs, ...others] = tree.params;
  if (inputs === undefined) return false;
  return others.length > 0 || new InputUses(tree.body).escapesFrom(inputs, "list");
}

class InputUses {
  readonly #body: AnyNode;
  readonly #seen = new Set<string>();

  constructor(body: AnyNode) {
    this.#body = body;
  }

  /** What is bound to that name or pattern, wherever in the step it is then used. */
  escapesFrom(pattern: AnyNode, held: Held): boolean {
    if (pattern.type === "Identifier") return this.#escapesByName(pattern.name, held);
    // Of an input this takes the artifacts that it names, of the list branches or a length.
    if (pattern.type === "ObjectPattern" && held === "one")
      return !pattern.properties.every((each) => each.type === "Property" && !each.computed);
    if (pattern.type !== "ArrayPattern" || held !== "list") return true;
    return pattern.elements.some((each) => each !== null && this.escapesFrom(each, "one"));
  }

  #escapesByName(name: string, held: Held): boolean {
    const key = `${held} ${name}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return this.#uses(this.#body, name, []).some((chain) => this.#escapes(chain, held));
  }

  /** Each use of the name, followed by the nodes around it from the inside out. */
  #uses(node: AnyNode, name: string, around: readonly AnyNode[]): readonly (readonly AnyNode[])[] {
    if (node.type === "Identifier" && node.name === name && !namesOnly(node, around[0])) return [[node, ...around]];
    return childrenOf(node).flatMap((child) => this.#uses(child, name, [node, ...around]));
  }

  #escapes([value, parent, ...around]: readonly AnyNode[], held: Held): boolean {
    if (value === undefined || parent === undefined) return true;
    if (parent.type === "MemberExpression") {
      const name = propertyName(parent);
      // An artifact, and no input any more; a computed one may be any.
      if (held === "one") return name === null;
      const [call] = around;
      if (call?.type === "CallExpression" && call.callee === parent) return this.#escapesByCall(call, name, around);
      return name !== "length" && this.#escapes([parent, ...around], "one");
    }
    if (parent.type === "CallExpression") return thisMember(parent.callee) !== "mergeArtifacts";
    if (parent.type === "ForOfStatement")
      return parent.left.type !== "VariableDeclaration" || this.#escapesToEach(parent.left.declarations[0]?.id, held);
    // Where the name itself is declared it goes nowhere.
    if (parent.type === "VariableDeclarator") return parent.init === value && this.escapesFrom(parent.id, held);
    if (parent.type === "ArrowFunctionExpression" || parent.type === "FunctionExpression") return parent.body === value;
    return parent.type !== "ArrayPattern";
  }

  #escapesToEach(pattern: AnyNode | undefined, held: Held): boolean {
    return pattern === undefined || held !== "list" || this.escapesFrom(pattern, "one");
  }

  #escapesByCall(call: CallExpression, method: string | null, around: readonly AnyNode[]): boolean {
    if (method === null) return true;
    if (!indexed.has(method) && call.arguments.length > 0 && this.#escapesToFunction(call, method)) return true;
    if (answering.has(method)) return false;
    const held = choosing.get(method);
    return held === undefined || this.#escapes(around, held);
  }

  /** The parameters of a function that is written there; of any other nothing is known. */
  #escapesToFunction({ arguments: given }: CallExpression, method: string | null): boolean {
    const [written] = given;
    if (written?.type !== "ArrowFunctionExpression" && written?.type !== "FunctionExpression") return true;
    if (method === "toSorted") return written.params.some((each) => this.escapesFrom(each, "one"));
    // With a first value, what `reduce` gathers is no input.
    const [each, index, list] = method === "reduce" && given.length > 1 ? written.params.slice(1) : written.params;
    if (list !== undefined || (method === "reduce" && given.length < 2)) return true;
    return (each !== undefined && this.escapesFrom(each, "one")) || (index !== undefined && index.type !== "Identifier");
  }
}

/** `inputs` in `this.inputs` and in `{ inputs: 1 }`. */
function namesOnly(node: AnyNode, parent: AnyNode | undefined): boolean {
  if (parent?.type === "MemberExpression") return parent.property === node && !parent.computed;
  return parent?.type === "Property" && parent.key === node && !parent.computed && !parent.shorthand;
}
