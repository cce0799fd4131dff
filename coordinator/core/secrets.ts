// The values of secret parameters: what a submission may say of them, and which a run begins with.

import { sameValue, type Artifacts } from "../../proto/artifact.ts";
import type { SubmitRequest } from "../../proto/control.ts";
import type { TaskOrder } from "../../proto/order.ts";
import { describeLostSecrets, missingSecrets, secretBytesMax } from "../../proto/secret.ts";
import type { RunState } from "./state.ts";

/** The run that is gone back to, and its secrets as far as they are still kept. */
export type SecretOrigin = { readonly state: RunState; readonly values: Artifacts };

export type SecretsOfRun = {
  readonly values: Artifacts;
  /** Those that are not what they were in the origin. One whose old value is not known counts as changed. */
  readonly changed: readonly string[];
};

/** What is wrong with the secrets that came along; null where they may be kept. */
export function objectionToSecrets({ secrets, parameters, secretValues = {} }: SubmitRequest): string | null {
  const open = secrets.find((name) => Object.hasOwn(parameters, name));
  if (open !== undefined)
    return `the secret parameter ${open} must not come as an artifact: submit with the version of stepwell that this coordinator has`;
  let bytes = 0;
  for (const [name, ref] of Object.entries(secretValues)) {
    if (!secrets.includes(name)) return `${name} has a secret value, but is not among the secret parameters`;
    if (ref.kind !== "stored" || ref.place.kind !== "inline") return `the value of the secret parameter ${name} must come with the request`;
    bytes += ref.size;
  }
  if (bytes <= secretBytesMax) return null;
  return `secret parameters may have ${secretBytesMax} bytes together, and these have ${bytes}: give the place of the secret instead of the secret`;
}

/** Takes the origin's over where none is given anew. A text says what is wrong. */
export function secretsOfRun({ secrets, secretValues = {} }: SubmitRequest, origin: SecretOrigin | null): SecretsOfRun | string {
  const missing = missingSecrets(secrets, secretValues, origin?.values ?? {});
  if (missing.length > 0) {
    return origin === null
      ? `there is no value for the secret parameter ${missing.join(", ")}`
      : describeLostSecrets(missing, origin.state.submitted.run);
  }
  const before = origin?.values ?? {};
  const own = secrets.map((name) => [name, (Object.hasOwn(secretValues, name) ? secretValues : before)[name]] as const);
  const values = Object.fromEntries(own.flatMap(([name, ref]) => (ref === undefined ? [] : [[name, ref]])));
  const changed = origin === null ? [] : Object.keys(secretValues).filter((name) => isChanged(name, secretValues, origin));
  return { values, changed };
}

function isChanged(name: string, given: Artifacts, { state, values }: SecretOrigin): boolean {
  const before = values[name] ?? state.submitted.parameters[name];
  const now = given[name];
  return before === undefined || now === undefined || !sameValue(before, now);
}

/** The order as it leaves: a worker gets the values with it, and keeps none. */
export function withSecrets(order: TaskOrder, values: Artifacts): TaskOrder {
  return { ...order, parameters: { ...order.parameters, ...values } };
}
