// "Did you mean": the known word that is nearest to what was typed, or that begins with it.

import { nearest } from "../../sdk/flow/nearest.ts";

export function didYouMean(typed: string, known: readonly string[]): string | null {
  const begun = typed.length < 3 ? undefined : known.find((word) => word.toLowerCase().startsWith(typed.toLowerCase()));
  const word = nearest(typed, known) ?? begun;
  return word === undefined ? null : `did you mean "${word}"?`;
}
