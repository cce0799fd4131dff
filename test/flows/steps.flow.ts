// Flows that the tests of sdk/execute run step by step.

import { card, catchError, current, FlowSpec, type Inputs, parameter, retry, step } from "../../sdk/index.ts";

export class PlainFlow extends FlowSpec {
  rate = parameter.number({ default: 0.1 });
  settings = parameter.json({ default: { depth: { max: 3 } } });
  colours = ["red", "green"];
  declare message: string;
  declare list: number[];
  declare table: Map<string, number>;
  declare model: { score: number };
  declare size: string | number | boolean;
  declare sets: string[];
  declare seen: unknown;
  declare _secret: string;
  wiped!: string;

  @step start() {
    this.message = `rate ${this.rate}`;
    this._secret = "private";
    return this.next(this.middle);
  }

  @step async middle() {
    await Promise.resolve();
    this.message += "!";
    return this.next(this.end);
  }

  @step end() {}

  @step push() {
    this.list.push(4);
    return this.next(this.end);
  }

  @step readOnly() {
    this.seen = this.list.length + this.table.size;
    return this.next(this.end);
  }

  @step pass() {
    return this.next(this.end);
  }

  @step reassign() {
    this.seen = this.list;
    return this.next(this.end);
  }

  @step assignParameter() {
    this.rate = 3;
    return this.next(this.end);
  }

  @step changeParameter() {
    this.settings.depth.max = 4;
    return this.next(this.end);
  }

  @step assignConstant() {
    this.colours = [];
    return this.next(this.end);
  }

  @step pushConstant() {
    this.colours.push("blue");
    return this.next(this.end);
  }

  @step readUnset() {
    this.seen = this.model.score;
    return this.next(this.end);
  }

  @step forgets() {
    return undefined as unknown as ReturnType<typeof this.pass>;
  }

  @step returnsNothing() {
    this.next(this.end);
    return undefined as unknown as ReturnType<typeof this.pass>;
  }

  @step twice() {
    this.next(this.end);
    return this.next(this.middle);
  }

  @step swallows() {
    const first = this.next(this.end);
    try {
      this.next(this.middle);
    } catch {
      // An author may do this; the attempt must not count as good.
    }
    return first;
  }

  helper() {}

  @step toHelper() {
    return this.next(this.helper);
  }

  @step both() {
    return this.next(this.middle, this.pass);
  }

  @step fan() {
    this.sets = ["a", "b", "c"];
    return this.next(this.child, { foreach: "sets" });
  }

  @step child(input: string) {
    this.seen = [input, this.input, this.index, this.foreachStack()];
    return this.next(this.end);
  }

  @step fanOverNothing() {
    return this.next(this.child, { foreach: "sets" });
  }

  @step choose() {
    return this.next({ big: this.middle, "3": this.pass, true: this.end }, { condition: "size" });
  }

  @step keepsFunction() {
    this.message = "kept";
    this.seen = { deep: [() => 1] };
    return this.next(this.end);
  }

  @step reserved() {
    (this as { index: number }).index = 3;
    return this.next(this.end);
  }

  @step stepName() {
    Reflect.set(this, "middle", 3);
    return this.next(this.end);
  }

  @step throws() {
    this.message = "before";
    if (this.rate > 0) throw new RangeError("too far", { cause: new Error("the reason") });
    return this.next(this.end);
  }

  @step throwsText() {
    // oxlint-disable-next-line typescript/only-throw-error -- the test is about this
    if (this.rate > 0) throw "just text";
    return this.next(this.end);
  }

  @step tells() {
    const { flow, run, step: name, task, attempt, tags, namespace, user, tempDir, idempotencyKey, parameters, originRun } = current;
    this.seen = { flow, run, name, task, attempt, tags, namespace, user, tempDir, idempotencyKey, parameters, originRun };
    current.progress(1, 2, "half");
    return this.next(this.end);
  }

  @step shows() {
    current.card.append(card.markdown(`# ${current.step}`));
    if (this.rate > 1) throw new Error("too much");
    return this.next(this.end);
  }

  @step takesCardsName() {
    Object.assign(this, { _card: 1 });
    return this.next(this.end);
  }

  @step async waits() {
    this.message = "waiting";
    await new Promise((resolve) => current.signal.addEventListener("abort", resolve));
    this.message = "cleaned up";
    return this.next(this.end);
  }

  @step async hangs() {
    this.message = "hanging";
    await new Promise(() => {});
    return this.next(this.end);
  }
}

export class BaseFlow extends FlowSpec {
  base = "base";
  declare trail: string[];

  @retry({ times: 2 })
  @step
  start() {
    this.trail = ["base start"];
    return this.next(this.work);
  }

  @step work() {
    this.trail.push("base work");
    return this.next(this.end);
  }

  @step end() {}
}

export class ChildFlow extends BaseFlow {
  extra = parameter.integer({ default: 1 });

  @step override work() {
    this.trail.push(`child work ${this.extra} ${this.base}`);
    return super.work();
  }
}

export class JoinFlow extends FlowSpec {
  offset = parameter.number({ default: 0 });
  declare score: number;
  declare same: string;
  declare other: string;
  declare best: unknown;
  declare trainError?: Error;

  @catchError({ var: "trainError" })
  @step
  start() {
    return this.next(this.a, this.b);
  }

  @step a() {
    return this.next(this.join);
  }

  @step b() {
    return this.next(this.join);
  }

  @step join(inputs: Inputs<this>) {
    const order = [...inputs].map((input) => input.score);
    const best = inputs.filter((input) => !input.trainError).sort((x, y) => y.score - x.score)[0];
    this.best = { order, best: best?.score, length: inputs.length, first: inputs[0]?.score, offset: inputs[0]?.offset };
    return this.next(this.end);
  }

  @step byName(inputs: Inputs<this>) {
    this.best = [inputs.a.score, inputs.b.score];
    return this.next(this.end);
  }

  @step merge(inputs: Inputs<this>) {
    this.score = 100;
    this.mergeArtifacts(inputs);
    this.best = this.same;
    return this.next(this.end);
  }

  @step mergeAll(inputs: Inputs<this>) {
    this.mergeArtifacts(inputs);
    return this.next(this.end);
  }

  @step mergeSome(inputs: Inputs<this>) {
    this.mergeArtifacts(inputs, { include: ["same"] });
    return this.next(this.end);
  }

  @step mergeMissing(inputs: Inputs<this>) {
    this.mergeArtifacts(inputs, { include: ["same", "best"] });
    return this.next(this.end);
  }

  @step mergeOutsideJoin() {
    this.mergeArtifacts([]);
    return this.next(this.end);
  }

  @step sum(inputs: Inputs<this>) {
    let total = 0;
    for (const input of inputs) total += input.score;
    this.score = total;
    return this.next(this.end);
  }

  @step places(inputs: Inputs<this>) {
    this.best = inputs.map((input) => [input.index, input.input, "score" in input]);
    return this.next(this.end);
  }

  @step writesInput(inputs: Inputs<this>) {
    (inputs[0] as { score: number }).score = 1;
    return this.next(this.end);
  }

  @step countsInputs(inputs: Inputs<this>) {
    this.best = [inputs.length, this.same];
    return this.next(this.end);
  }

  @step end() {}
}
