// What the text of a step's method says: its arguments and its transition. Nothing of it runs.

import type { AnyNode, BlockStatement, CallExpression, ReturnStatement, Statement, TryStatement } from "acorn";
import { offsetOf } from "./method-text.ts";
import type { MethodTree } from "./method-text.ts";
import { childrenOf, isFunction, thisMember, walkThis } from "./syntax-tree.ts";
import { readTransition } from "./transition-syntax.ts";
import type { WrittenTransition } from "./transition-syntax.ts";
import type { ProblemCode } from "./problem-codes.ts";

type Objection = {
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint: string | null;
  /** Offset in the method's text. */
  readonly at: number;
};

export type StepSyntax = {
  /** Null where the step has none, or one that is wrong. */
  readonly transition: WrittenTransition | null;
  readonly takesArgument: boolean;
  /** Offset of the transition, or of the method's name. */
  readonly at: number;
  readonly objections: readonly Objection[];
};

export function readStep(name: string, tree: MethodTree): StepSyntax {
  const objections: Objection[] = [];
  const object = (code: ProblemCode, node: AnyNode | null, text: { message: string; hint: string | null }): void => {
    objections.push({ code, at: node === null ? 0 : offsetOf(node), ...text });
  };
  readArguments(name, tree, object);
  const calls = nextCalls(tree);
  const call = calls.find((each) => returnedCall(lastStatement(tree)) === each) ?? calls[0];
  const takesArgument = tree.params.length > 0;
  if (call === undefined || name === "end") {
    if (call !== undefined)
      object("SW1013", call, { message: "end is the last step: it has no this.next", hint: "take this.next out of end" });
    else if (name !== "end") object("SW1004", null, noTransition(name));
    return { transition: null, takesArgument, at: 0, objections };
  }
  checkPosition({ name, tree, calls, call }, object);
  const transition = readTransition(call);
  if ("misread" in transition) {
    objections.push({ code: "SW1009", message: `${name}: ${transition.misread}`, hint: transition.hint, at: transition.at });
    return { transition: null, takesArgument, at: offsetOf(call), objections };
  }
  return { transition, takesArgument, at: offsetOf(call), objections };
}

type Report = (code: ProblemCode, node: AnyNode | null, text: { message: string; hint: string | null }) => void;

function noTransition(name: string): { message: string; hint: string } {
  return { message: `step "${name}" has no transition`, hint: "end it with return this.next(this.NAME); only end has none" };
}

function readArguments(name: string, tree: MethodTree, object: Report): void {
  const [first, second] = tree.params;
  if (second !== undefined) {
    object("SW1016", second, {
      message: `step "${name}" takes ${tree.params.length} arguments`,
      hint: "a step takes nothing, the element of its foreach, or the inputs of a join; everything else is an artifact",
    });
  } else if (first?.type === "RestElement") {
    object("SW1016", first, { message: `step "${name}" takes a rest argument`, hint: "take one argument, or none" });
  }
  if (first !== undefined && name === "start") {
    object("SW1015", first, {
      message: "start takes no argument: nothing comes before it",
      hint: "declare a parameter: name = parameter.string()",
    });
  }
  if (first !== undefined && name === "end") {
    const hint = "add a step before end that takes the inputs: join(inputs: Inputs<this>) { …; return this.next(this.end); }";
    object("SW1014", first, { message: "end takes no argument: it is no join", hint });
  }
}

/** All calls of `this.next`, also in arrow functions, which share `this`. */
function nextCalls(tree: MethodTree): readonly CallExpression[] {
  const calls: CallExpression[] = [];
  walkThis(tree.body, (node) => {
    if (node.type === "CallExpression" && thisMember(node.callee) === "next") calls.push(node);
  });
  return calls;
}

type Found = { readonly name: string; readonly tree: MethodTree; readonly calls: readonly CallExpression[]; readonly call: CallExpression };

function checkPosition({ name, tree, calls, call }: Found, object: Report): void {
  const other = calls.find((each) => each !== call);
  if (other !== undefined) {
    object("SW1005", other, {
      message: `step "${name}" calls this.next ${calls.length} times`,
      hint: 'choose between steps with one switch: return this.next({ yes: this.a, no: this.b }, { condition: "artifact" })',
    });
    return;
  }
  const last = lastStatement(tree);
  if (returnedCall(last) !== call) {
    const bare = last?.type === "ExpressionStatement" && withoutAwait(last.expression) === call;
    object("SW1006", call, {
      message: `this.next is not ${bare ? "returned from" : "the last statement of"} step "${name}"`,
      hint: bare ? "write return this.next(…)" : "put return this.next(…) at the end of the step, outside of if, try, loops and functions",
    });
    return;
  }
  for (const early of returns(tree)) {
    if (early === last) continue;
    object("SW1008", early, {
      message: `step "${name}" can end here without a transition`,
      hint: "let every path come to the return this.next(…) at the end, or throw an error",
    });
  }
}

function lastStatement(tree: MethodTree): Statement | undefined {
  return tree.body.type === "BlockStatement" ? lastOf(tree.body) : undefined;
}

function lastOf({ body }: BlockStatement): Statement | undefined {
  const last = body.findLast((statement) => statement.type !== "EmptyStatement" && statement.type !== "FunctionDeclaration");
  return last?.type === "TryStatement" && isDisposing(last) ? lastOf(last.block) : last;
}

/** What the bundler makes of the rest of a block with `using` in it: try { … } finally { __callDispose(…) }. */
function isDisposing({ finalizer }: TryStatement): boolean {
  const [first] = finalizer?.body ?? [];
  const call =
    first?.type === "VariableDeclaration" ? first.declarations[0]?.init : first?.type === "ExpressionStatement" ? first.expression : null;
  return call?.type === "CallExpression" && call.callee.type === "Identifier" && /^__callDispose\d*$/.test(call.callee.name);
}

function returnedCall(statement: Statement | undefined): AnyNode | null {
  return statement?.type === "ReturnStatement" && statement.argument ? withoutAwait(statement.argument) : null;
}

function withoutAwait(node: AnyNode): AnyNode {
  return node.type === "AwaitExpression" ? withoutAwait(node.argument) : node;
}

/** The returns of the method itself. */
function returns(tree: MethodTree): readonly ReturnStatement[] {
  const found: ReturnStatement[] = [];
  const visit = (node: AnyNode): void => {
    if (node.type === "ReturnStatement") found.push(node);
    for (const child of childrenOf(node)) if (!isFunction(child)) visit(child);
  };
  visit(tree.body);
  return found;
}
