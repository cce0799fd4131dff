// The inputs of a join. Made for tens of thousands of them: an input is one small object, its artifacts are getters of a
// prototype that all inputs with the same artifact names share, and nothing is read before it is touched.

import type { ArtifactRef, Artifacts } from "../../proto/artifact.ts";
import type { RunId } from "../../proto/ids.ts";
import type { JoinInput } from "../../proto/order.ts";
import type { ArtifactReader } from "./artifact-reader.ts";

export type JoinInputsInput = {
  readonly run: RunId;
  readonly split: "foreach" | "branch";
  readonly base: Artifacts;
  readonly inputs: readonly JoinInput[];
  /** The join's own flow object: inputs have its methods, parameters and constants. */
  readonly flow: object;
  readonly parameters: readonly string[];
  readonly reader: ArtifactReader;
  /** Foreach position of the join itself; null outside any foreach. */
  readonly index: number | null;
  /** Foreach element of the input at this position. */
  readonly elementAt: (position: number) => unknown;
};

/** The inputs as the step gets them: a frozen array, with those of a branch also by the name of its first step. */
export function buildInputs(input: JoinInputsInput): readonly object[] {
  const shapes = new Shapes(input);
  const inputs: object[] = input.inputs.map((joined, position) => shapes.build(joined, position));
  if (input.split === "branch") {
    for (const [position, joined] of input.inputs.entries()) {
      Object.defineProperty(inputs, joined.branch, { value: inputs[position], enumerable: false });
    }
  }
  return Object.freeze(inputs);
}

/** The artifacts of one input, as references. */
export function rowOf(value: unknown): JoinInput | null {
  return InputObject.rowOf(value);
}

type Shape = abstract new () => object;

/** What one input needs beside its prototype. */
class InputObject {
  readonly #row: JoinInput;
  readonly #position: number;
  #values: Map<string, unknown> | undefined;

  constructor(row: JoinInput, position: number) {
    this.#row = row;
    this.#position = position;
    Object.freeze(this);
  }

  static rowOf(value: unknown): JoinInput | null {
    return typeof value === "object" && value !== null && #row in value ? value.#row : null;
  }

  static positionOf(input: InputObject): number {
    return input.#position;
  }

  static read(input: InputObject, name: string, read: (row: JoinInput) => unknown): unknown {
    const values = (input.#values ??= new Map());
    if (!values.has(name)) values.set(name, read(input.#row));
    return values.get(name);
  }
}

/** Inputs whose artifacts are fetched ahead of the one that is read. */
const inputsAhead = 8;

/** One constructor for each set of artifact names. */
class Shapes {
  readonly #input: JoinInputsInput;
  readonly #known = new Map<string, Shape>();
  /** By artifact: the position read last, and up to which others have been told to come. */
  readonly #lastRead = new Map<string, number>();
  readonly #aheadTo = new Map<string, number>();
  /** What inputs share is read once. */
  readonly #shared = new Map<string, unknown>();

  constructor(input: JoinInputsInput) {
    this.#input = input;
  }

  build(row: JoinInput, position: number): object {
    const own = Object.keys(row.own);
    const key = `${own.join()}-${row.missing.join()}`;
    let shape = this.#known.get(key);
    if (shape === undefined) {
      const missing = new Set(row.missing);
      shape = this.#define(new Set([...Object.keys(this.#input.base).filter((name) => !missing.has(name)), ...own]));
      this.#known.set(key, shape);
    }
    return Reflect.construct(InputObject, [row, position], shape);
  }

  #define(names: ReadonlySet<string>): Shape {
    const shape = function input() {} as unknown as Shape; // only its prototype is used, as the target of Reflect.construct
    const { flow, parameters } = this.#input;
    const prototype = Object.create(Object.getPrototypeOf(flow), {
      name: getter(() => Reflect.get(flow, "name")),
      index: getter((input) => this.#indexOf(input)),
      input: getter((input) => InputObject.read(input, "input", () => this.#input.elementAt(InputObject.positionOf(input)))),
    });
    for (const name of parameters)
      Object.defineProperty(
        prototype,
        name,
        getter(() => Reflect.get(flow, name)),
      );
    for (const name of names)
      Object.defineProperty(
        prototype,
        name,
        getter((input) => this.#read(input, name), name),
      );
    Object.defineProperty(shape, "prototype", { value: prototype });
    return shape;
  }

  #read(input: InputObject, name: string): unknown {
    const { base, reader, run } = this.#input;
    return InputObject.read(input, name, (row) => {
      const ref: ArtifactRef | undefined = row.own[name];
      if (ref !== undefined) {
        this.#readAhead(name, InputObject.positionOf(input));
        return reader.read(name, ref, `${run}/${row.task}`);
      }
      if (!this.#shared.has(name)) this.#shared.set(name, reader.read(name, base[name] as ArtifactRef, `${run}/${row.task}`));
      return this.#shared.get(name);
    });
  }

  /** Who reads an artifact of two inputs in a row will most likely read that of those after them. */
  #readAhead(name: string, position: number): void {
    const { reader, inputs } = this.#input;
    if (!reader.readsAhead) return;
    const before = this.#lastRead.get(name);
    this.#lastRead.set(name, position);
    if (before !== position - 1) return;
    const first = Math.max(position + 1, this.#aheadTo.get(name) ?? 0);
    const end = Math.min(position + 1 + inputsAhead, inputs.length);
    this.#aheadTo.set(name, Math.max(first, end));
    reader.readAhead(inputs.slice(first, end).flatMap(({ own }) => own[name] ?? []));
  }

  #indexOf(input: InputObject): number {
    if (this.#input.split === "foreach") {
      const task = rowOf(input)?.task ?? "";
      return Number(task.slice(Math.max(task.lastIndexOf("/"), task.lastIndexOf(".")) + 1));
    }
    if (this.#input.index === null) throw new Error("this input has no index: it is in no foreach");
    return this.#input.index;
  }
}

function getter(read: (input: InputObject) => unknown, artifact?: string): PropertyDescriptor {
  return {
    enumerable: artifact !== undefined,
    get(this: InputObject) {
      return read(this);
    },
    set() {
      throw new TypeError(
        `the inputs of a join are read-only; set ${artifact === undefined ? "an artifact" : `this.${artifact}`} of the join instead`,
      );
    },
  };
}
