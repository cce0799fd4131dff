// `mergeArtifacts`: which artifacts of a join's inputs the join takes over. By hash; all or nothing.

import { type ArtifactRef, type Artifacts, sameValue } from "../../proto/artifact.ts";
import type { JoinInput } from "../../proto/order.ts";

export class MergeError extends Error {
  override readonly name = "MergeError";
  /** Names of the artifacts that stand in the way. */
  readonly artifacts: readonly string[];
  constructor(message: string, artifacts: readonly string[] = []) {
    super(message);
    this.artifacts = artifacts;
  }
}

export type MergeRequest = {
  readonly base: Artifacts;
  readonly rows: readonly Pick<JoinInput, "own" | "missing">[];
  readonly include: readonly string[] | null;
  readonly exclude: readonly string[] | null;
  /** Set by the join already, and therefore not merged. */
  readonly isSet: (name: string) => boolean;
};

/** @throws MergeError, and then nothing is to be taken over */
export function mergeable(request: MergeRequest): Artifacts {
  const { include, exclude, isSet } = request;
  if (include !== null && exclude !== null) throw new MergeError("mergeArtifacts: give include or exclude, not both");
  const included = include === null ? null : new Set(include);
  const excluded = new Set(exclude);
  const wanted = (name: string): boolean => (included?.has(name) ?? !excluded.has(name)) && !isSet(name);
  const { agreed, conflicts } = compare(request, wanted);
  const missing = (include ?? []).filter((name) => !agreed.has(name) && !conflicts.has(name) && !isSet(name));
  if (missing.length > 0) {
    throw new MergeError(`mergeArtifacts: no input has ${missing.join(", ")}; leave it out of include, or set it in the join`, missing);
  }
  if (conflicts.size > 0) {
    const names = [...conflicts];
    const list = names.map((name) => `"${name}"`).join(", ");
    throw new MergeError(
      `mergeArtifacts: the inputs have different values of ${names.join(", ")}; set them in the join before the call, or exclude: [${list}]`,
      names,
    );
  }
  return Object.fromEntries(agreed);
}

/** What all inputs that have it agree on, and what they don't. */
function compare(
  { base, rows }: MergeRequest,
  wanted: (name: string) => boolean,
): { agreed: Map<string, ArtifactRef>; conflicts: Set<string> } {
  const agreed = new Map<string, ArtifactRef>();
  const conflicts = new Set<string>();
  const hiding = new Map<string, number>();
  const see = (name: string, ref: ArtifactRef): void => {
    if (conflicts.has(name) || !wanted(name)) return;
    const other = agreed.get(name);
    if (other === undefined || sameValue(other, ref)) agreed.set(name, ref);
    else {
      agreed.delete(name);
      conflicts.add(name);
    }
  };
  for (const row of rows) {
    for (const [name, ref] of Object.entries(row.own)) see(name, ref);
    for (const name of new Set([...Object.keys(row.own), ...row.missing])) hiding.set(name, (hiding.get(name) ?? 0) + 1);
  }
  // The base's value counts as long as one input has it unhidden.
  for (const [name, ref] of Object.entries(base)) if ((hiding.get(name) ?? 0) < rows.length) see(name, ref);
  return { agreed, conflicts };
}
