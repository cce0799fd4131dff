// What decorators leave on a flow class: for each step its method and the options as written, in `Symbol.metadata`.
// Metadata of a subclass inherits from that of its base; a record is copied before it is changed, so that a subclass
// never changes its base.

import type { FlowClass } from "./flow-spec.ts";

// Neither Node nor the compiler's output defines the symbol; esbuild's output falls back to this one.
(Symbol as { metadata?: symbol }).metadata ??= Symbol.for("Symbol.metadata");

const STEPS = Symbol.for("stepwell.steps");
const FLOW = Symbol.for("stepwell.flow");

/** Everything that was recorded for one step. */
export type StepRecord = {
  readonly name: string;
  /** The method that `@step` was given; null while only other decorators have been seen. */
  readonly method: Function | null;
  /** In the order in which decorators are applied: the one nearest to the method first. */
  readonly decorators: readonly RecordedDecorator[];
};

export type RecordedDecorator = { readonly name: string; readonly options: Readonly<Record<string, unknown>> };

type Steps = Record<string, StepRecord>;

/** What recording needs of a decorator's context. */
type Context = { readonly name: string | symbol; readonly metadata: DecoratorMetadata };

export function recordStep(context: Context, method: Function): void {
  change(context, (record) => ({ ...record, method }));
}

export function recordDecorator(context: Context, decorator: RecordedDecorator): void {
  change(context, (record) => ({ ...record, decorators: [...record.decorators, decorator] }));
}

export function recordFlowDecorator(metadata: DecoratorMetadata, decorator: RecordedDecorator): void {
  const own = Object.hasOwn(metadata, FLOW) ? flowDecoratorsIn(metadata) : [];
  (metadata as Record<symbol, unknown>)[FLOW] = [decorator, ...own];
}

/** The decorators of the flow's class in the order of the source, or of the nearest base that has some. */
export function flowDecoratorsOf(flowClass: FlowClass): readonly RecordedDecorator[] {
  return flowDecoratorsIn(Reflect.get(flowClass, Symbol.metadata) as DecoratorMetadata | null | undefined);
}

/** By name: the steps of the class and of its bases, bases first. */
export function recordsOf(flowClass: FlowClass): Readonly<Steps> {
  return stepsIn(Reflect.get(flowClass, Symbol.metadata) as DecoratorMetadata | null | undefined);
}

function change(context: Context, update: (record: StepRecord) => StepRecord): void {
  const { metadata } = context;
  const name = String(context.name);
  const inherited = stepsIn(metadata);
  const own = Object.hasOwn(metadata, STEPS) ? inherited : { ...inherited };
  // A step that a subclass defines anew starts without the decorators of the base's step.
  const before = Object.hasOwn(metadata, STEPS) && touched(metadata).has(name) ? own[name] : undefined;
  own[name] = update(before ?? { name, method: null, decorators: [] });
  touched(metadata).add(name);
  (metadata as Record<symbol, unknown>)[STEPS] = own;
}

const touchedSteps = new WeakMap<object, Set<string>>();

/** Names of the steps that the class of this metadata decorates itself. */
function touched(metadata: DecoratorMetadata): Set<string> {
  const known = touchedSteps.get(metadata) ?? new Set();
  touchedSteps.set(metadata, known);
  return known;
}

function flowDecoratorsIn(metadata: DecoratorMetadata | null | undefined): readonly RecordedDecorator[] {
  return (metadata?.[FLOW] as readonly RecordedDecorator[] | undefined) ?? [];
}

function stepsIn(metadata: DecoratorMetadata | null | undefined): Steps {
  return (metadata?.[STEPS] as Steps | undefined) ?? {};
}
