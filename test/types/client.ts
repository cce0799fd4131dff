// The client, the runner and the test kit as their users' compilers see them: what a flow declares is what they give and take.

import { FlowSpec, parameter, step, type Inputs } from "stepwell";
import { Flow, Stepwell, type Run, type Task } from "stepwell/client";
import { resume, run, start } from "stepwell/runner";
import { testFlow } from "stepwell/testing";

export class TypedFlow extends FlowSpec {
  rate = parameter.number({ default: 0.1 });
  mode = parameter.string({ choices: ["fast", "slow"], default: "fast" });
  declare items: { readonly id: number }[];
  declare winner: string;
  declare trouble?: Error;

  @step start() {
    this.items = [{ id: 1 }];
    return this.next(this.work, { foreach: "items" });
  }
  @step work(item: { readonly id: number }) {
    this.winner = String(item.id);
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.winner = inputs[0]?.winner ?? "";
    return this.next(this.end);
  }
  @step end() {}
}

export async function reading(): Promise<void> {
  const flow = new Flow<TypedFlow>("TypedFlow");
  const newest = await flow.latestSuccessfulRun();
  newest?.data.winner satisfies string | undefined;
  newest?.parameters.mode satisfies "fast" | "slow" | undefined;
  // @ts-expect-error a name that the flow does not have
  void newest?.data.winer;
  // @ts-expect-error a step is no artifact
  void newest?.data.work;
  // @ts-expect-error what FlowSpec has is no artifact
  void newest?.data.next;
  for await (const listed of flow.runs({ status: "failed" })) {
    // @ts-expect-error a list knows no data: load the run
    void listed.data;
    (await listed.load()).data.winner satisfies string;
  }
  const task = await (await new Stepwell().run<TypedFlow>("TypedFlow/1")).task("work/0");
  task.data.trouble satisfies Error | undefined;
  // @ts-expect-error no such status
  flow.runs({ status: "done" });
  // A function that takes any run takes this one.
  const describe = (given: Run, of: Task): string => `${given.id} ${of.id}`;
  if (newest !== null) describe(newest, task);
  // Without the class any name may be asked for.
  void (await new Flow("TypedFlow").latestRun())?.data.anything;
}

export async function running(): Promise<void> {
  const finished = await run(TypedFlow, { rate: 0.2, mode: "slow" }, { tags: ["nightly"], maxWorkers: 2 });
  finished.data.winner satisfies string;
  // @ts-expect-error rate is a number
  await run(TypedFlow, { rate: "0.2" });
  // @ts-expect-error no such parameter
  await run(TypedFlow, { rat: 0.2 });
  // @ts-expect-error no such option
  await run(TypedFlow, {}, { workers: 2 });
  const byPath = await run("flow.ts", { rate: 0.2 });
  void byPath.data.winner;
  const typedByPath = await run<TypedFlow>("flow.ts", { rate: 0.2 });
  typedByPath.data.winner satisfies string;
  const live = await start(TypedFlow);
  for await (const line of live.logLines()) line.text satisfies string;
  (await live.finished).data.winner satisfies string;
  (await resume<TypedFlow>("TypedFlow/1", { parameters: { rate: 0.3 }, from: "work" })).data.winner satisfies string;
  void (await resume()).data.anything;
}

export async function testing(): Promise<void> {
  const tested = await testFlow(TypedFlow, {
    parameters: { rate: 0.3 },
    steps: {
      work(item) {
        item.id satisfies number;
        this.winner = "none";
      },
      join(inputs) {
        this.winner = inputs.map((input) => input.winner satisfies string).join();
      },
    },
  });
  tested.data.winner satisfies string;
  tested.task("work/0").data.trouble satisfies Error | undefined;
  const byPath = await testFlow("flow.ts", { parameters: { rate: 1 }, steps: { work() {} } });
  void byPath.data.anything;
  (await testFlow<TypedFlow>("flow.ts", { parameters: { rate: 1 } })).data.winner satisfies string;
  // @ts-expect-error no such step
  await testFlow(TypedFlow, { steps: { wrok() {} } });
  await testFlow(TypedFlow, {
    steps: {
      start() {
        // @ts-expect-error the artifact has another type
        this.winner = 1;
      },
    },
  });
}
