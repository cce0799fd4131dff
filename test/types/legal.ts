// One flow for each thing that the flow language allows. All of this must compile as it stands.

import {
  artifact,
  type ArtifactFile,
  batch,
  card,
  type CardComponent,
  catchError,
  concurrency,
  current,
  environment,
  FlowSpec,
  type Inputs,
  isolated,
  parameter,
  resources,
  retry,
  step,
  timeout,
} from "../../sdk/index.ts";

@concurrency({ max: 8 })
export class LinearFlow extends FlowSpec {
  declare message: string;

  @step start() {
    this.message = "hello";
    return this.next(this.later);
  }

  @step async later() {
    await Promise.resolve();
    this.message += " again";
    return this.next(this.end);
  }

  @step end() {
    console.log(this.message, this.name);
  }
}

export class AsyncEndFlow extends FlowSpec {
  @step start() {
    return this.next(this.end);
  }

  @step async end() {
    await Promise.resolve();
  }
}

export class BranchFlow extends FlowSpec {
  declare value: number;
  declare shared: string;
  declare sum: number;

  @step start() {
    this.shared = "s";
    return this.next(this.left, this.middle, this.right);
  }

  @step left() {
    this.value = 1;
    return this.next(this.join);
  }

  @step async middle() {
    this.value = 2;
    return this.next(this.join);
  }

  @step right() {
    this.value = 3;
    return this.next(this.join);
  }

  @step join(inputs: Inputs<this>) {
    this.mergeArtifacts(inputs, { exclude: ["value"] });
    const named: number = inputs.left.value + inputs.right.value;
    this.sum = [...inputs].reduce((sum, input) => sum + input.value, named) + (inputs[0]?.value ?? 0);
    return this.next(this.end);
  }

  @step end() {}
}

type Params = { readonly rate: number };

export class ForeachFlow extends FlowSpec {
  rate = parameter.number({ default: 0.1 });
  declare readonly input: Params;
  declare grid: Params[];
  declare readonly fixed: readonly Params[];
  declare accuracy: number;
  declare best: number;
  declare trainError?: Error;

  @step start() {
    this.grid = [{ rate: this.rate }];
    return this.next(this.train, { foreach: "grid" });
  }

  @catchError({ var: "trainError" })
  @timeout({ seconds: 120, minutes: 1 })
  @batch({ cpu: 3, memory: 500, queue: "spot", image: "node:24" })
  @resources({ cpu: 2, memory: 1024, gpu: 1, labels: { zone: "eu" }, pool: "gpu" })
  @concurrency({ max: 2 })
  @environment({ vars: { LEVEL: "debug" } })
  @retry({ times: 1, minutesBetween: 0.5, backoff: 2, maxMinutes: 10, on: ["timeout", "userError"] })
  @isolated
  @step
  async train(input: Params) {
    this.accuracy = input.rate * this.input.rate + this.index + this.foreachStack().length;
    current.progress(1, 2, "half");
    current.card.append(card.markdown("# Fit"), card.table({ headers: ["rate"], rows: [[input.rate]] }));
    current.card.extend([card.chart({ shape: "line", labels: [1], values: [this.accuracy] })]);
    current.card.components satisfies readonly CardComponent[];
    return this.next(this.again, { foreach: "grid" });
  }

  /** A step may read this.input instead of taking it. */
  @retry()
  @catchError()
  @batch()
  @step
  again() {
    this.accuracy += this.input.rate;
    return this.next(this.inner);
  }

  @step inner(inputs: Inputs<this>) {
    const places = inputs.map((input) => input.index);
    this.accuracy = Math.max(...inputs.map((input) => input.accuracy), ...places);
    return this.next(this.outer);
  }

  @step outer(inputs: Inputs<this>) {
    const good = inputs.filter((input) => !input.trainError).sort((a, b) => b.accuracy - a.accuracy);
    this.best = good[0]?.accuracy ?? inputs.length;
    return this.next(this.end);
  }

  @step end() {}
}

export class SwitchFlow extends FlowSpec {
  declare size: "big" | "small";
  declare count: number;
  declare ready: boolean;

  @step start() {
    this.size = "big";
    return this.next({ big: this.many, small: this.few }, { condition: "size" });
  }

  @step many() {
    this.count = 3;
    return this.next({ 1: this.few, 3: this.few }, { condition: "count" });
  }

  @step few() {
    this.ready = true;
    return this.next({ true: this.end, false: this.last }, { condition: "ready" });
  }

  @step last() {
    return this.next(this.end);
  }

  @step end() {}
}

export class ParameterFlow extends FlowSpec {
  text = parameter.string({ default: "a", help: "some text" });
  optional = parameter.string();
  optimizer = parameter.string({ choices: ["adam", "sgd"], default: "adam" });
  level = parameter.integer({ choices: [1, 2, 3], required: true });
  share = parameter.number({ default: () => Math.random(), validate: (value) => (value < 0 ? "must not be negative" : null) });
  verbose = parameter.boolean({ default: false });
  settings = parameter.json({ default: { depth: 3, names: ["a"] } });
  typed = parameter.json<Params[]>({ required: true, validate: (list) => list.length > 0 });
  token = parameter.string({ required: true, secret: true });
  csv = parameter.file({ default: "data.csv", help: "the data" });
  blob = parameter.file({ as: "bytes", required: true });
  readonly epochs = 10;
  colours = ["red"];
  declare model: ArtifactFile;

  @step start() {
    const exact: "adam" | "sgd" = this.optimizer;
    const level: 1 | 2 | 3 = this.level;
    const maybe: string | undefined = this.optional;
    const sum: number = this.share + this.settings.depth + this.epochs + (this.typed[0]?.rate ?? 0);
    const bytes: Uint8Array = this.blob;
    console.log(exact, level, maybe, sum, bytes, this.csv.trim(), this.verbose, this.text, this.token, this.colours.length);
    this.model = artifact.file("model.bin");
    return this.next(this.end);
  }

  @step end() {
    console.log(this.model.size, current.run, current.task, current.signal.aborted);
  }
}

export class BaseFlow extends FlowSpec {
  declare trail: string[];

  @step start() {
    this.trail = ["start"];
    return this.next(this.work);
  }

  @step work() {
    this.trail.push(this.describe());
    return this.next(this.end);
  }

  describe(): string {
    return "base";
  }

  log(): void {}

  @step end() {}
}

export class ChildFlow extends BaseFlow {
  @retry({ times: 1 })
  @step
  override work() {
    this.trail.push("child");
    return super.work();
  }

  override describe(): string {
    return "child";
  }
}

/** A step may choose between transitions as far as the compiler is concerned; `check` asks for a switch. */
export class ChoosingFlow extends FlowSpec {
  declare count: number;
  #memory = 0;

  @step start() {
    this.#memory += 1;
    this.count = this.#memory;
    if (this.count > 3) throw new Error("too many");
    return this.next(this.end);
  }

  @step end() {}
}
