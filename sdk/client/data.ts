// Artifacts as the properties of an object: typed by the flow, read when touched, and read once.

import { inspect } from "node:util";
import type { ArtifactRef, Artifacts } from "../../proto/artifact.ts";
import type { BlockingReader } from "../artifact/store.ts";
import { readArtifactSync } from "../artifact/read.ts";
import type { FlowSpec } from "../flow/flow-spec.ts";

type AnyMethod = (...given: never[]) => unknown;

/** The artifacts and parameters of a flow class: what is neither a step nor part of FlowSpec. */
export type DataOf<F> = {
  readonly [K in keyof F as K extends keyof FlowSpec ? never : F[K] extends AnyMethod ? never : K]: F[K];
};

/** Private artifacts (`_name`) can be read but are not listed. */
export function dataOf<F>(artifacts: Artifacts, store: BlockingReader): DataOf<F> {
  const data = {};
  for (const [name, ref] of Object.entries(artifacts)) defineLazy(data, name, { ref, store });
  Object.defineProperty(data, inspect.custom, { enumerable: false, value: () => describe(artifacts) });
  // The properties defined above are those of the flow that ran; the caller's type parameter says which flow that is.
  return data as DataOf<F>;
}

function defineLazy(data: object, name: string, source: { readonly ref: ArtifactRef; readonly store: BlockingReader }): void {
  let read: { readonly value: unknown } | null = null;
  Object.defineProperty(data, name, {
    enumerable: !name.startsWith("_"),
    get: () => (read ??= { value: readArtifactSync(source.ref, source.store) }).value,
  });
}

function describe(artifacts: Artifacts): Record<string, string> {
  const shown = Object.entries(artifacts).filter(([name]) => !name.startsWith("_"));
  return Object.fromEntries(shown.map(([name, ref]) => [name, ref.kind === "stored" ? ref.type : "error"]));
}
