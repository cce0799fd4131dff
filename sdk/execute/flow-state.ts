// The artifacts of a flow object while one of its steps runs.
//
// S1. What the step doesn't touch is neither read nor kept again: it passes by reference.
// S2. What the step reads and doesn't change keeps its reference; what it changes in place is kept like what it assigns.
//     Telling costs one encoding of each object that was read; primitives and files cannot change.
// S3. Parameters and constants cannot be assigned; their plain objects and arrays are frozen all the way down.

import type { ArtifactRef, Artifacts } from "../../proto/artifact.ts";
import { RefusedArtifactError } from "../artifact/refused.ts";
import { ParameterDeclaration } from "../flow/parameter.ts";
import { objectionTo } from "../flow/reserved.ts";
import type { ArtifactReader } from "./artifact-reader.ts";

/** What a step leaves: references to values that are kept already, and values that are still to be kept. */
export type StepResult = { readonly refs: Readonly<Record<string, ArtifactRef>>; readonly values: ReadonlyMap<string, unknown> };

export type FlowStateInput = {
  /** Fresh from its constructor. */
  readonly flow: object;
  /** For errors: `TrainFlow/17/start/0`. */
  readonly path: string;
  readonly reader: ArtifactReader;
  readonly parameters: Artifacts;
  /** What the step finds set. */
  readonly visible: Artifacts;
  readonly isStep: (name: string) => boolean;
};

export class FlowState {
  readonly #flow: object;
  readonly #path: string;
  readonly #reader: ArtifactReader;
  readonly #isStep: (name: string) => boolean;
  readonly #visible = new Map<string, ArtifactRef>();
  /** Taken over in a join: part of the result even where untouched. */
  readonly #merged = new Set<string>();
  /** Values that were read or assigned, of names in `#visible`. */
  readonly #values = new Map<string, unknown>();
  readonly #assigned = new Set<string>();
  /** Parameters, constants and fields without a kept value. */
  readonly #fixed = new Set<string>();

  constructor(input: FlowStateInput) {
    this.#flow = input.flow;
    this.#path = input.path;
    this.#reader = input.reader;
    this.#isStep = input.isStep;
    this.#fixFields(input.parameters);
    for (const [name, ref] of Object.entries(input.visible)) if (!this.#fixed.has(name)) this.#show(name, ref);
  }

  /** Whether the step finds the artifact, from before or because it has set it. */
  has(name: string): boolean {
    return this.#fixed.has(name) || this.#visible.has(name) || Object.hasOwn(this.#flow, name);
  }

  /** Gives the flow an artifact of a join's inputs. */
  merge(name: string, ref: ArtifactRef): void {
    this.#show(name, ref);
    this.#merged.add(name);
  }

  /**
   * Everything that the step set, changed or merged.
   * @throws RefusedArtifactError for a name that no artifact can have
   */
  result(): StepResult {
    const refs: Record<string, ArtifactRef> = {};
    const values = new Map<string, unknown>();
    for (const name of this.#merged) refs[name] = this.#visible.get(name) as ArtifactRef;
    for (const [name, value] of this.#setByStep()) {
      const ref = this.#reader.refOf(value, name);
      if (ref === null) {
        delete refs[name];
        values.set(name, value);
      } else if (this.#assigned.has(name) || !this.#visible.has(name)) refs[name] = ref;
    }
    return { refs, values };
  }

  *#setByStep(): Iterable<readonly [string, unknown]> {
    for (const [name, value] of this.#values) {
      if (this.#assigned.has(name) || (typeof value === "object" && value !== null)) yield [name, value];
    }
    for (const name of Object.keys(this.#flow)) {
      if (this.#fixed.has(name) || this.#visible.has(name)) continue;
      const objection = this.#isStep(name) ? `"${name}" is a step of this flow` : objectionTo(name);
      if (objection !== null) throw new RefusedArtifactError({ artifact: name, path: "" }, `${objection}; choose another name`);
      yield [name, Reflect.get(this.#flow, name)];
    }
  }

  #show(name: string, ref: ArtifactRef): void {
    this.#visible.set(name, ref);
    const values = this.#values;
    Object.defineProperty(this.#flow, name, {
      enumerable: true,
      configurable: false,
      get: (): unknown => {
        if (values.has(name)) return values.get(name);
        const value = this.#reader.read(name, ref, this.#path);
        values.set(name, value);
        return value;
      },
      set: (value: unknown): void => {
        values.set(name, value);
        this.#assigned.add(name);
      },
    });
  }

  /** The constructor's fields: declarations and constants give way to the run's values, and `x!: T` to nothing. */
  #fixFields(parameters: Artifacts): void {
    for (const name of new Set([...Object.keys(this.#flow), ...Object.keys(parameters)])) {
      const field: unknown = Reflect.get(this.#flow, name);
      const ref = parameters[name];
      const isParameter = field instanceof ParameterDeclaration;
      if (ref !== undefined) this.#fix(name, isParameter, () => freeze(this.#reader.read(name, ref, this.#path)));
      else if (field === undefined) Reflect.deleteProperty(this.#flow, name);
      else this.#fix(name, isParameter, () => (isParameter ? undefined : field));
    }
  }

  #fix(name: string, isParameter: boolean, read: () => unknown): void {
    this.#fixed.add(name);
    let value: unknown;
    let known = false;
    Object.defineProperty(this.#flow, name, {
      enumerable: true,
      configurable: false,
      get: (): unknown => {
        if (!known) [value, known] = [read(), true];
        return value;
      },
      set: (): void => {
        const why = isParameter
          ? "a parameter is the same in every step; keep the value in an artifact of another name"
          : `a field with a value is a constant, the same in every step; for an artifact write "declare ${name}: TYPE" and set it in a step`;
        throw new TypeError(`this.${name} cannot be assigned: ${why}`);
      },
    });
  }
}

/** Plain objects and arrays, all the way down. Anything else is left as it is. */
function freeze(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
  return value;
}
