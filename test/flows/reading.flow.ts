// A flow for tests of what reads runs: a task that is tried twice, one whose failure is caught, and a join that fails on request.

import { catchError, current, FlowSpec, parameter, retry, step, type Inputs } from "stepwell";

export class ReadingFlow extends FlowSpec {
  rate = parameter.number({ default: 0.5, help: "what every item is multiplied by" });
  broken = parameter.boolean({ default: false });
  sizes = [3, 4];
  declare items: number[];
  declare product: number;
  declare trouble?: Error;
  declare winner: string;
  declare _hidden: string;

  @step start() {
    this.items = [1, 2, 3];
    this._hidden = "mine";
    return this.next(this.work, { foreach: "items" });
  }

  /** Multiplies. */
  @catchError({ var: "trouble" })
  @retry({ times: 1 })
  @step
  work(item: number) {
    console.log(`item ${item}, attempt ${current.attempt}`);
    console.error(`careful with ${item}`);
    this.product = item * this.rate;
    if (item === 2 && current.attempt === 0) throw new Error("at first I fail");
    if (item === 3) throw new RangeError("three is too much");
    return this.next(this.join);
  }

  @step join(inputs: Inputs<this>) {
    if (this.broken) throw new Error("broken as asked");
    this.winner = `item ${inputs.filter((input) => input.trouble === undefined).length}`;
    return this.next(this.end);
  }

  @step end() {
    console.log(`the winner is ${this.winner}`);
  }
}
