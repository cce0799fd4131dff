import { batch, catchError, FlowSpec, type Inputs, parameter, retry, step, timeout } from "stepwell";

/** Trains on three sets of parameters at once and picks the winner. */
export class TrainFlow extends FlowSpec {
  rate = parameter.number({ default: 0.1, help: "learning rate" });
  declare sets: string[];
  declare accuracy: number;
  declare setName: string;
  declare winner: string;
  declare trainError?: Error;

  @step start() {
    console.log("Let's start the parallel training!");
    this.sets = ["first set of parameters", "second set of parameters", "third set of parameters"];
    return this.next(this.train, { foreach: "sets" });
  }

  @catchError({ var: "trainError" })
  @timeout({ seconds: 120 })
  @batch({ cpu: 3, memory: 500 })
  @retry({ times: 1 })
  @step
  train(input: string) {
    console.log(`training with the ${input} at rate ${this.rate}`);
    this.accuracy = Math.random();
    this.setName = input;
    return this.next(this.join);
  }

  @step join(inputs: Inputs<this>) {
    const best = inputs.filter((task) => !task.trainError).sort((a, b) => b.accuracy - a.accuracy)[0];
    this.winner = best?.setName ?? "nobody";
    return this.next(this.end);
  }

  @step end() {
    console.log(`The winner is: ${this.winner}`);
  }
}
