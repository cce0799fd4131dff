// `--with retry:times=2`: a decorator for every step that lacks it.

import type { FlowGraph, StepNode, StepPolicy } from "../proto/graph.ts";
import type { FlowDefinition } from "../sdk/flow/definition.ts";
import { policyOf } from "../sdk/flow/policy.ts";
import { CliError } from "./cli-error.ts";
import { didYouMean } from "./format/suggestion.ts";

type Added = { readonly name: DecoratorName; readonly policy: StepPolicy };

/** The decorators that can be added, and where a step's policy keeps each; null there means that the step lacks it. */
const places = {
  retry: "retry",
  catchError: "catch",
  timeout: "timeoutSeconds",
  batch: "batch",
  isolated: "isolated",
  environment: "environment",
  resources: "resources",
  concurrency: "concurrencyMax",
} as const satisfies Record<string, keyof StepPolicy>;

type DecoratorName = keyof typeof places;

const names = Object.keys(places).filter((name): name is DecoratorName => name in places);

/** @throws CliError badValue */
export function addDecorators(graph: FlowGraph, specs: readonly string[], decorated: ReadonlyMap<string, readonly string[]>): FlowGraph {
  const added = specs.map(parseDecorator);
  if (added.length === 0) return graph;
  return {
    ...graph,
    steps: graph.steps.map((step) =>
      added.reduce((node, one) => ({ ...node, policy: addTo(node, one, decorated.get(step.name) ?? []) }), step),
    ),
  };
}

/** The decorators that each step of the flow has by itself. */
export function decoratorsOf(definition: FlowDefinition): ReadonlyMap<string, readonly string[]> {
  return new Map(definition.steps.map((step) => [step.name, step.decorators]));
}

/** A step that splits cannot be caught: nobody would know into what. */
function addTo({ policy, transition }: StepNode, { name, policy: more }: Added, has: readonly string[]): StepPolicy {
  const splits = transition.kind === "foreach" || transition.kind === "switch";
  if (has.includes(name) || (name === "catchError" && splits)) return policy;
  const place = places[name];
  return { ...policy, [place]: more[place] };
}

/** `name` or `name:key=value,key=value`; values are JSON where they can be. */
function parseDecorator(spec: string): Added {
  const colon = spec.indexOf(":");
  const given = colon === -1 ? spec : spec.slice(0, colon);
  const name = names.find((known) => known === given || (given === "catch" && known === "catchError"));
  if (name === undefined) {
    throw new CliError("badValue", `--with ${spec}: there is no decorator "${given}"`, {
      hint: didYouMean(given, names) ?? `decorators: ${names.join(", ")}`,
    });
  }
  const { policy, problems } = policyOf([{ name, options: colon === -1 ? {} : parseOptions(spec, spec.slice(colon + 1)) }]);
  const problem = problems[0];
  if (problem !== undefined) throw new CliError("badValue", `--with ${spec}: ${problem.message}`, { hint: problem.hint });
  return { name, policy };
}

function parseOptions(spec: string, text: string): Record<string, unknown> {
  const pairs = splitOutsideBrackets(text).map((pair) => {
    const equals = pair.indexOf("=");
    if (equals < 1)
      throw new CliError("badValue", `--with ${spec}: "${pair}" is not key=value`, { hint: "like retry:times=2,minutesBetween=1" });
    return [pair.slice(0, equals), jsonOrText(pair.slice(equals + 1))] as const;
  });
  return Object.fromEntries(pairs);
}

function splitOutsideBrackets(text: string): string[] {
  return text.match(/(?:[^,[{"]|\[[^\]]*\]|\{[^}]*\}|"[^"]*")+/g) ?? [];
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
