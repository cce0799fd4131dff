// Secret parameters: their values travel beside a submission and inside an order, and are in no event.

import type { Artifacts } from "./artifact.ts";
import type { RunId } from "./ids.ts";

/** The encoded values of all secrets of a run together: they travel with every order. Bytes. */
export const secretBytesMax = 64 * 1024;

/** Begins the name of the variable that gives a parameter its value. */
export const parameterVariables = "STEPWELL_PARAM_";

/** The secrets that none of `values` has. Runs from before secrets were kept apart have theirs among the parameters. */
export function missingSecrets(secrets: readonly string[], ...values: readonly Artifacts[]): readonly string[] {
  return secrets.filter((name) => values.every((some) => !Object.hasOwn(some, name)));
}

/** For whoever wants to go on with the run. */
export function describeLostSecrets(names: readonly string[], run: RunId): string {
  const variables = names.map((name) => parameterVariables + name.toUpperCase()).join(" and ");
  const lost = names.map((name) => `secret parameter ${name} of ${run}: its value is kept no longer`).join("; ");
  return `${lost}. Give it again, in ${variables} or a file for --params, to stepwell resume ${run}`;
}
