// A code package, opened: the flow's class with fresh module state as often as it is asked for, and the way from its
// stack traces back to the author's source.

import type { SourcePlace } from "../../proto/failure.ts";
import type { FlowName } from "../../proto/ids.ts";
import type { FlowClass } from "../flow/flow-spec.ts";
import { CodePackageError, readContainer } from "./container.ts";
import { compileBundle } from "./evaluate.ts";
import type { ProvidedModules } from "./evaluate.ts";
import { openSourceMap } from "./source-map.ts";
import type { SourceMap } from "./source-map.ts";
import { excerptAround, locateStack } from "./stack.ts";
import type { Excerpt, Located } from "./stack.ts";

export type LoadedPackage = {
  readonly flowName: FlowName;
  /** Base name of the flow's file. */
  readonly file: string;
  /** The bundle. */
  readonly code: string;
  /** Evaluates the bundle anew, so that nothing a task left in its modules reaches the next. Throws what they throw. */
  freshFlow(): FlowClass;
  locate(stack: string): Located;
  /** Null where the place's file is not part of the package. */
  excerpt(place: SourcePlace, linesAround?: number): Excerpt | null;
};

/**
 * `modules` holds what the flow may import besides Node's own modules: `{ stepwell }` at least.
 * @throws CodePackageError
 */
export function openPackage(bytes: Uint8Array, modules: ProvidedModules): LoadedPackage {
  const content = readContainer(bytes);
  const { flowName, exportName, file, code } = content;
  const evaluate = compileBundle(code, file);
  let opened: SourceMap | null = null;
  const map = (): SourceMap => (opened ??= openSourceMap(content.sourceMap));
  return {
    flowName,
    file,
    code,
    freshFlow: () => flowIn(evaluate(modules)[exportName], flowName),
    locate: (stack) => locateStack(stack, map),
    excerpt: (place, linesAround = 2) => excerptAround(place, map(), linesAround),
  };
}

function flowIn(exported: unknown, flowName: FlowName): FlowClass {
  if (typeof exported !== "function") throw new CodePackageError(`the code package has no flow ${flowName}: it is damaged`);
  return exported as FlowClass;
}
