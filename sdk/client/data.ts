// Artifacts as the properties of an object: typed by the flow, read when touched, and read once.

import { inspect } from "node:util";
import type { ArtifactRef, Artifacts } from "../../proto/artifact.ts";
import type { BlockingReader } from "../artifact/store.ts";
import { readArtifactSync } from "../artifact/read.ts";
import type { FlowSpec } from "../flow/flow-spec.ts";

type AnyMethod = (...given: never[]) => unknown;

/**
 * Stands for a flow whose class is not given: any name may be asked for. `any`, because only to it every class is assignable,
 * so that a function that takes a `Run` takes a `Run<TrainFlow>`.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- see above
export type AnyFlow = Record<string, any>;

/** The artifacts and parameters of a flow class: what is neither a step nor part of FlowSpec. */
export type DataOf<F> = {
  readonly [K in keyof F as K extends keyof FlowSpec ? never : F[K] extends AnyMethod ? never : K]: F[K];
};

/** What an author keeps for himself: can be read, but is not listed. */
export function isPrivate(name: string): boolean {
  return name.startsWith("_");
}

/** Private artifacts (`_name`) can be read but are not listed. Reading throws ArtifactStoreError where bytes are missing or wrong. */
export function dataOf<F>(artifacts: Artifacts, store: BlockingReader): DataOf<F> {
  const data = {};
  for (const [name, ref] of Object.entries(artifacts)) defineLazy(data, name, { ref, store });
  Object.defineProperty(data, inspect.custom, { enumerable: false, value: () => describeArtifacts(artifacts) });
  // The properties defined above are those of the flow that ran; the caller's type parameter says which flow that is.
  return data as DataOf<F>;
}

function defineLazy(data: object, name: string, source: { readonly ref: ArtifactRef; readonly store: BlockingReader }): void {
  let read: { readonly value: unknown } | null = null;
  Object.defineProperty(data, name, {
    enumerable: !isPrivate(name),
    get: () => (read ??= { value: readArtifactSync(source.ref, source.store) }).value,
  });
}

/** Names and types, without reading anything. */
function describeArtifacts(artifacts: Artifacts): Record<string, string> {
  const shown = Object.entries(artifacts).filter(([name]) => !isPrivate(name));
  return Object.fromEntries(shown.map(([name, ref]) => [name, ref.kind === "stored" ? ref.type : "error"]));
}
