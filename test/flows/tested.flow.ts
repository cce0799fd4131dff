// A flow for tests of the test kit: a foreach with retries, a time-out and a catch; a branch; a switch; steps of a base class.

import { catchError, current, environment, FlowSpec, parameter, retry, step, timeout, type Inputs } from "stepwell";

abstract class BaseFlow extends FlowSpec {
  declare total: number;
  declare finale: string;

  @step end() {
    this.finale = `total ${this.total}`;
  }
}

export class TestedFlow extends BaseFlow {
  factor = parameter.number({ default: 2 });
  text = parameter.file({ default: "package.json" });
  limits = { most: 100 };
  declare items: number[];
  declare product: number;
  declare size: "large" | "small";
  declare trouble?: Error;
  declare facts: Record<string, unknown>;

  @step start() {
    this.items = [1, 2, 3];
    this.facts = { run: current.run, tags: current.tags, user: current.user, attempt: current.attempt };
    return this.next(this.work, { foreach: "items" });
  }

  @catchError({ var: "trouble" })
  @retry({ times: 2, minutesBetween: 1, backoff: 2 })
  @timeout({ minutes: 2 })
  @environment({ vars: { STEPWELL_TEST_MODE: "inside" } })
  @step
  async work(item: number) {
    await Promise.resolve();
    this.product = item * this.factor;
    return this.next(this.join);
  }

  @step join(inputs: Inputs<this>) {
    this.total = inputs.reduce((sum, input) => sum + (input.trouble === undefined ? input.product : 0), 0);
    this.size = this.total > this.limits.most ? "large" : "small";
    return this.next({ large: this.big, small: this.split }, { condition: "size" });
  }

  @step big() {
    return this.next(this.end);
  }

  @step split() {
    return this.next(this.left, this.right);
  }

  @step left() {
    return this.next(this.merge);
  }

  @step right() {
    return this.next(this.merge);
  }

  @step merge(inputs: Inputs<this>) {
    this.mergeArtifacts(inputs);
    return this.next(this.end);
  }
}

export class WrongFlow extends FlowSpec {
  declare list: number[];
  @step start() {
    return this.next(this.work, { foreach: "list" });
  }
  @step work(_item: number) {
    return this.next(this.end);
  }
  @step end() {}
}
