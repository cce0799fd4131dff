// Mistakes that an author can make, numbered. The compiler catches 1 to 25, and 25 only in its usual form; 26, 27 and
// the rest of 25 are left to `stepwell check`. After each number stands what the mistake is, then what the compiler says
// (test/type-messages.test.ts holds it to that).

// oxlint-disable typescript/consistent-return -- mistake 24 is one

import { catchError, FlowSpec, type Inputs, parameter, retry, step } from "../../sdk/index.ts";

type Params = { readonly rate: number };

export class Mistakes extends FlowSpec {
  limit = parameter.number({ default: 1 });
  declare grid: Params[];
  declare rate: number;
  declare model: { score: number };
  declare size: string;
  declare failed: string;
  declare required: Error;

  // Steps that the mistakes below go to.
  @step takesParams(input: Params) {
    this.rate = input.rate;
    return this.next(this.collect);
  }
  @step takesText(input: string) {
    this.size = input;
    return this.next(this.collect);
  }
  @step collect(inputs: Inputs<this>) {
    this.rate = inputs.length;
    return this.next(this.end);
  }
  @step plain() {
    return this.next(this.end);
  }
  measure(): number {
    return this.rate;
  }
  tidyUp(): void {}
  @step wrongJoin(inputs: readonly string[]) {
    this.rate = inputs.length;
    return this.next(this.end);
  }

  @step s1() {
    // @ts-expect-error 1: unknown next step. Property 'plan' does not exist … Did you mean 'plain'?
    return this.next(this.plan);
  }

  @step s2() {
    // @ts-expect-error 2: foreach over something that is no array. Type 'number' is not assignable to type 'readonly unknown[]'
    return this.next(this.takesParams, { foreach: "rate" });
  }

  @step s3() {
    // @ts-expect-error 3: foreach over an artifact that doesn't exist. Property 'grit' is missing in type 'Mistakes'
    return this.next(this.takesParams, { foreach: "grit" });
  }

  @step s4() {
    // @ts-expect-error 4: the elements are not what the step takes. Type 'Params' is not assignable to type 'string'
    return this.next(this.takesText, { foreach: "grid" });
  }

  @step s5(inputs: Inputs<this>) {
    // @ts-expect-error 5: a join reads an artifact that doesn't exist. Property 'modell' does not exist … Did you mean 'model'?
    this.rate = inputs[0]?.modell.score ?? 0;
    return this.next(this.end);
  }

  @step s6(inputs: Inputs<this>) {
    // @ts-expect-error 6: a join uses an artifact at a wrong type. Type '{ score: number; }' is not assignable to type 'number'
    this.rate = inputs[0]?.model ?? 0;
    return this.next(this.end);
  }

  @step s7(inputs: Inputs<this>) {
    for (const input of inputs) {
      // @ts-expect-error 7: a join writes to an input. Cannot assign to 'rate' because it is a read-only property
      input.rate = 3;
    }
    return this.next(this.end);
  }

  @step s8() {
    // @ts-expect-error 8: an undeclared artifact is read. Property 'modell' does not exist … Did you mean 'model'?
    this.rate = this.modell.score;
    return this.next(this.end);
  }

  @step s9() {
    // @ts-expect-error 9: a value of a wrong type is assigned. Type 'string' is not assignable to type 'number'
    this.rate = "0.1";
    return this.next(this.end);
  }

  // @ts-expect-error 10: a join's parameter without its type. Parameter 'inputs' implicitly has an 'any' type
  @step s10(inputs) {
    this.rate = inputs.length;
    return this.next(this.end);
  }

  @step s11() {
    // @ts-expect-error 11: a join's parameter has another type. Type 'Inputs<this>' is not assignable to type 'readonly string[]'
    return this.next(this.wrongJoin);
  }

  @step s12() {
    // @ts-expect-error 12: a linear transition into a step that wants an element. Type 'Inputs<this>' is not assignable to type 'string'
    return this.next(this.takesText);
  }

  @step s13() {
    // @ts-expect-error 13: a branch into a step that wants an element. Target signature provides too few arguments. Expected 1 or more
    return this.next(this.plain, this.takesText);
  }

  @step s14() {
    // @ts-expect-error 14: next goes to a method that returns a value. Type 'number' is not assignable to type 'StepReturn'
    return this.next(this.measure);
  }

  // @ts-expect-error 15: the error's artifact doesn't exist. FlowError<"there is no artifact 'wrong'; add: declare wrong?: Error">
  @catchError({ var: "wrong" })
  @step
  s15() {
    return this.next(this.end);
  }

  // @ts-expect-error 16: the error's artifact cannot hold one. FlowError<"artifact 'failed' cannot hold an Error; write: declare failed?: Error">
  @catchError({ var: "failed" })
  @step
  s16() {
    return this.next(this.end);
  }

  // @ts-expect-error 17: a misspelt option. 'time' does not exist in type 'RetryOptions'. Did you mean to write 'times'?
  @retry({ time: 3 })
  @step
  s17() {
    return this.next(this.end);
  }

  // @ts-expect-error 18: @step on a field. Argument of type 'undefined' is not assignable to parameter of type 'AnyStep<Mistakes>'
  @step s18 = 3;

  // @ts-expect-error 19: @step on a static method. FlowError<"a step is a method of the flow's objects: remove static">
  @step static s19() {
    return 3;
  }

  // @ts-expect-error 20: @step on a private method. FlowError<"a step is public: rename '#s20' to a name without #">
  @step #s20() {
    return this.next(this.end);
  }

  // @ts-expect-error 22: a step returns a value. FlowError<"every path through step 's22' must end with: return this.next(...)">
  @step s22() {
    return 3;
  }

  // @ts-expect-error 23: next is forgotten. FlowError<"every path through step 's23' must end with: return this.next(...)">
  @step s23() {
    this.rate = 1;
  }

  // @ts-expect-error 24: next is forgotten on one path. FlowError<"every path through step 's24' must end with: return this.next(...)">
  @step s24() {
    if (this.rate > 1) return this.next(this.end);
  }

  // @ts-expect-error 25: next is called twice, one after the other. FlowError<"every path through step 's25' must end with: return this.next(...)">
  @step s25() {
    this.next(this.plain);
    this.next(this.end);
  }

  // 26 is for `stepwell check`: next goes to a method that is no step and, like end, takes and returns nothing.
  @step s26() {
    return this.next(this.tidyUp);
  }

  // 27 is for `stepwell check`: the foreach artifact is declared, and no step ever sets it.
  @step s27() {
    return this.next(this.takesParams, { foreach: "grid" });
  }

  @step end() {
    this.#s20();
  }
}

export class NoFlow {
  // @ts-expect-error 21: @step outside a flow. FlowError<"steps belong to a flow: let the class extend FlowSpec">
  @step start() {
    return 3;
  }
}

// Beyond the table.
export class MoreMistakes extends FlowSpec {
  readonly epochs = 10;
  declare size: string;
  declare grid: Params[];
  declare required: Error;
  // @ts-expect-error a default that is none of the choices. Type '"rmsprop"' is not assignable to type 'Default<"adam" | "sgd"> | undefined'
  optimizer = parameter.string({ choices: ["adam", "sgd"], default: "rmsprop" });
  // @ts-expect-error a misspelt option of a parameter. 'requird' does not exist … Did you mean to write 'required'?
  text = parameter.string({ requird: true });
  maybe = parameter.number();

  @step start() {
    // @ts-expect-error a parameter without default may be undefined. Object is possibly 'undefined'
    console.log(this.maybe.toFixed(2));
    // @ts-expect-error a constant that is declared readonly. Cannot assign to 'epochs' because it is a read-only property
    this.epochs = 11;
    // @ts-expect-error the flow's own members. Cannot assign to 'index' because it is a read-only property
    this.index = 3;
    return this.next(this.end);
  }

  @step s1() {
    // @ts-expect-error a switch on an artifact that doesn't exist. Property 'sice' is missing in type 'MoreMistakes'
    return this.next({ big: this.end, small: this.s2 }, { condition: "sice" });
  }

  @step s2() {
    // @ts-expect-error a switch on something that is no case. Type 'Params[]' is not assignable to type 'string | number | boolean'
    return this.next({ big: this.end, small: this.s1 }, { condition: "grid" });
  }

  @step s3() {
    // @ts-expect-error a case that is no step. Property 'tiny' does not exist on type 'MoreMistakes'
    return this.next({ big: this.end, small: this.tiny }, { condition: "size" });
  }

  @step s4(inputs: Inputs<this>) {
    // @ts-expect-error a branch that doesn't exist. Property 'lefft' does not exist on type 'Inputs<this>'
    this.size = inputs.lefft.size;
    // @ts-expect-error a merge of an artifact that doesn't exist. Type '"sice"' is not assignable to type …"grid"…"size"
    this.mergeArtifacts(inputs, { include: ["sice"] });
    return this.next(this.end);
  }

  // @ts-expect-error the error's artifact must allow undefined. FlowError<"artifact 'required' is undefined where nothing failed; …">
  @catchError({ var: "required" })
  @step
  s5() {
    return this.next(this.end);
  }

  // @ts-expect-error end goes on. FlowError<"end is the last step: it returns nothing">
  @step end() {
    return this.next(this.s1);
  }
}
