// Names that a flow cannot use for its own artifacts, parameters, constants and steps.

import { cardArtifact } from "../../proto/artifact.ts";

/** What every flow has already; `this.NAME` means this. */
export const reservedNames: ReadonlySet<string> = new Set([
  "constructor",
  "foreachStack",
  "index",
  "input",
  "mergeArtifacts",
  "name",
  "next",
  "__proto__",
]);

const NAME = /^[\p{ID_Start}_$][\p{ID_Continue}$]{0,127}$/u;

/** Why `name` cannot name an artifact; null where it can. */
export function objectionTo(name: string): string | null {
  if (reservedNames.has(name)) return `"${name}" is reserved: every flow has a this.${name} of its own`;
  if (name === cardArtifact) return `"${name}" is reserved: the card of a step is kept under this name; see current.card`;
  if (!NAME.test(name)) return `"${name}" is not a name: letters, digits, _ and $, at most 128, not starting with a digit`;
  return null;
}
