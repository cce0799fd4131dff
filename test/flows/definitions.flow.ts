// Flows whose definitions the tests of sdk/flow read.

import { batch, catchError, environment, FlowSpec, isolated, parameter, resources, retry, step, timeout } from "../../sdk/index.ts";

export class RichFlow extends FlowSpec {
  rate = parameter.number({ default: 0.1, help: "learning rate", validate: (value) => (value <= 0 ? "must be above 0" : null) });
  depth = parameter.integer({ default: ({ flow, parameter, user }) => flow.length + parameter.length + user.length });
  name1 = parameter.string({ choices: ["a", "b"], required: true });
  token = parameter.string({ secret: true });
  colours = ["red"];
  epochs = 10;
  unset?: string;
  declare trainError?: Error;

  @step start() {
    return this.next(this.train);
  }

  @catchError({ var: "trainError", print: false })
  @timeout({ seconds: 30, minutes: 1 })
  @batch({ cpu: 3, memory: 500, queue: "spot", sharedMemory: 64 })
  @resources({ cpu: 4, gpu: 1 })
  @environment({ vars: { LEVEL: "debug" } })
  @retry({ times: 5, minutesBetween: 0.5 })
  @isolated
  @step
  train() {
    return this.next(this.end);
  }

  @step end() {}
}

export class RicherFlow extends RichFlow {
  @retry()
  @step
  override train() {
    return this.next(this.more);
  }

  @step more() {
    return this.next(this.end);
  }
}

export class ForgetfulFlow extends RichFlow {
  override train() {
    return this.next(this.end);
  }
}

// What the compiler would refuse; a flow may come without its help.
export class WrongFlow extends FlowSpec {
  rate = parameter.number({ default: "high" as never });
  choice = parameter.string({ choices: [] });
  index1 = 3;
  train = 3;
  declare out?: Error;

  @retry({ times: -1 })
  @step
  start() {
    return this.next(this.end);
  }

  @retry({ times: 1.5, backoff: 0.5 })
  @retry({ times: 2 })
  @step
  a() {
    return this.next(this.end);
  }

  @timeout({})
  @step
  b() {
    return this.next(this.end);
  }

  @timeout({ hours: 10_000 })
  @retry({ on: ["badTransition"] })
  @step
  c() {
    return this.next(this.end);
  }

  @resources({ cpu: 0, memory: 1.5, gpu: "1" as never })
  @environment({ vars: { "A-B": "x" } })
  @batch({ image: "", gpus: 1 } as never)
  @step
  d() {
    return this.next(this.end);
  }

  @catchError({ var: "rate" as never })
  @step
  e() {
    return this.next(this.end);
  }

  @catchError({ var: "input" as never })
  @step
  f() {
    return this.next(this.end);
  }

  @retry()
  noStep() {
    return this.next(this.end);
  }

  @step end() {}
}

export class BrokenFlow extends FlowSpec {
  table = JSON.parse("{");

  @step start() {
    return this.next(this.end);
  }

  @step end() {}
}
