// The flow that clusters run under faults, and what must come out of it whatever happens.
//
// Every execution of a step tells of its begin and its end in a file: the effects. Some tasks fail at first and are tried
// again, some always fail and are caught, some take long; values are checked where they are joined.

export type Shape = {
  /** Width of the plain foreach. */
  readonly n: number;
  /** Widths of the nested one. */
  readonly outer: number;
  readonly inner: number;
  /** Of the artifact that each task of the plain foreach keeps. */
  readonly bytes: number;
  /** A task takes up to so long, every hundredth a hundred times as long. */
  readonly pauseMs: number;
};

export type Summary = {
  readonly total: number;
  readonly caught: number;
  readonly intact: number;
  readonly cells: number;
  readonly cellSum: number;
};

export const chaosFlow = `
import { appendFileSync } from "node:fs";
import { FlowSpec, catchError, current, parameter, retry, step, type Inputs } from "stepwell";
const tell = (file: string, what: string) =>
  appendFileSync(file, [current.run, current.task, current.attempt, what, process.pid].join(" ") + "\\n");
const range = (length: number, from = 0) => Array.from({ length }, (_, index) => from + index);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export class ChaosFlow extends FlowSpec {
  n = parameter.integer({ default: 10 });
  outer = parameter.integer({ default: 2 });
  inner = parameter.integer({ default: 2 });
  bytes = parameter.integer({ default: 0 });
  pauseMs = parameter.integer({ default: 0 });
  effects = parameter.string();
  declare items: number[];
  declare groups: number[];
  declare cells: number[];
  declare square: number;
  declare blob: Uint8Array;
  declare error: unknown;
  declare value: number;
  declare sum: number;
  declare count: number;
  declare total: number;
  declare caught: number;
  declare intact: number;
  declare summary: unknown;
  @step start() {
    tell(this.effects, "began");
    this.items = range(this.n);
    this.groups = range(this.outer);
    tell(this.effects, "ended");
    return this.next(this.scatter, this.group);
  }
  @step scatter() {
    tell(this.effects, "began");
    tell(this.effects, "ended");
    return this.next(this.unit, { foreach: "items" });
  }
  @catchError({ var: "error" })
  @retry({ times: 4, minutesBetween: 0 })
  @step async unit(item: number) {
    tell(this.effects, "began");
    if (item % 29 === 3 && current.attempt === 0) throw new Error("the first try fails");
    if (item % 61 === 5) throw new Error("every try fails");
    if (this.pauseMs > 0) await pause(item % 100 === 50 ? this.pauseMs * 100 : (item * 7) % this.pauseMs);
    if (this.bytes > 0) this.blob = new Uint8Array(this.bytes).fill(item % 251);
    this.square = item * item;
    tell(this.effects, "ended");
    return this.next(this.gather);
  }
  @step gather(inputs: Inputs<this>) {
    tell(this.effects, "began");
    const right = inputs.filter((input) => !input.error);
    this.total = right.map((input) => input.square).reduce((a, b) => a + b, 0);
    this.caught = inputs.length - right.length;
    this.intact = inputs.filter((input, index) => input.error
      ? index % 61 === 5
      : input.square === index * index && (this.bytes === 0 || (input.blob.length === this.bytes && input.blob.every((byte) => byte === index % 251)))).length;
    tell(this.effects, "ended");
    return this.next(this.both);
  }
  @step group() {
    tell(this.effects, "began");
    tell(this.effects, "ended");
    return this.next(this.nest, { foreach: "groups" });
  }
  @step nest(group: number) {
    tell(this.effects, "began");
    this.cells = range(this.inner, group * 1000);
    tell(this.effects, "ended");
    return this.next(this.cell, { foreach: "cells" });
  }
  @retry({ times: 4, minutesBetween: 0 })
  @step async cell(cell: number) {
    tell(this.effects, "began");
    if (this.pauseMs > 0) await pause((cell * 3) % this.pauseMs);
    this.value = 2 * cell;
    tell(this.effects, "ended");
    return this.next(this.cellJoin);
  }
  @step cellJoin(inputs: Inputs<this>) {
    tell(this.effects, "began");
    this.sum = inputs.map((input) => input.value).reduce((a, b) => a + b, 0);
    this.count = inputs.length;
    tell(this.effects, "ended");
    return this.next(this.nestJoin);
  }
  @step nestJoin(inputs: Inputs<this>) {
    tell(this.effects, "began");
    this.sum = inputs.map((input) => input.sum).reduce((a, b) => a + b, 0);
    this.count = inputs.map((input) => input.count).reduce((a, b) => a + b, 0);
    tell(this.effects, "ended");
    return this.next(this.both);
  }
  @step both(inputs: Inputs<this>) {
    tell(this.effects, "began");
    const { total, caught, intact } = inputs.scatter;
    this.summary = { total, caught, intact, cells: inputs.group.count, cellSum: inputs.group.sum };
    tell(this.effects, "ended");
    return this.next(this.end);
  }
  @step end() {
    tell(this.effects, "began");
    tell(this.effects, "ended");
  }
}
`;

/** What the flow's code must compute, said without it. */
export function expectedSummary({ n, outer, inner }: Shape): Summary {
  const items = Array.from({ length: n }, (_, item) => item);
  const right = items.filter((item) => item % 61 !== 5);
  const cells = Array.from({ length: outer * inner }, (_, at) => Math.floor(at / inner) * 1000 + (at % inner));
  return {
    total: right.reduce((sum, item) => sum + item * item, 0),
    caught: n - right.length,
    intact: n,
    cells: cells.length,
    cellSum: cells.reduce((sum, cell) => sum + 2 * cell, 0),
  };
}

/** Every task that the run must have; whether its step fails each time. */
export function expectedTasks({ n, outer, inner }: Shape): ReadonlyMap<string, "succeeds" | "caught"> {
  const tasks = new Map<string, "succeeds" | "caught">();
  for (const step of ["start", "scatter", "gather", "group", "nestJoin", "both", "end"]) tasks.set(`${step}/0`, "succeeds");
  for (let item = 0; item < n; item += 1) tasks.set(`unit/${item}`, item % 61 === 5 ? "caught" : "succeeds");
  for (let group = 0; group < outer; group += 1) {
    tasks.set(`nest/${group}`, "succeeds");
    tasks.set(`cellJoin/${group}`, "succeeds");
    for (let cell = 0; cell < inner; cell += 1) tasks.set(`cell/${group}.${cell}`, "succeeds");
  }
  return tasks;
}
