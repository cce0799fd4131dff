// Flows whose steps keep cards and tell their progress, for tests that run one step and for whole runs.

import { card, catchError, current, FlowSpec, parameter, step, type Inputs } from "stepwell";

export class CardFlow extends FlowSpec {
  broken = parameter.boolean({ default: false });
  declare items: number[];
  declare square: number;
  declare sum: number;
  declare trouble?: Error;

  @step start() {
    this.items = [1, 2];
    current.card.append(card.markdown("# Start"));
    return this.next(this.work, { foreach: "items" });
  }

  @catchError({ var: "trouble" })
  @step
  work(item: number) {
    this.square = item * item;
    current.card.extend([card.markdown("draft")]);
    current.card.clear();
    current.card.append(card.markdown(`## Item ${item}`), card.metric({ label: "square", value: this.square }));
    for (let done = 0; done <= 20_000; done++) current.progress(done, 20_000, "counting");
    if (item === 2) throw new Error("no luck with two");
    return this.next(this.join);
  }

  @step join(inputs: Inputs<this>) {
    this.mergeArtifacts(inputs, { exclude: ["trouble", "square"] });
    this.sum = inputs.map((input) => input.square).reduce((a, b) => a + b, 0);
    if (this.broken) throw new Error("broken as asked");
    return this.next(this.end);
  }

  @step end() {}
}
