import type { Artifacts } from "../../proto/artifact.ts";
import type { RunId } from "../../proto/ids.ts";

/**
 * The values of secret parameters, which ride inline in their references: beside the ledger, never in it. What a call reports is
 * durable. The calls do not wait, since a run's values are put while the ledger makes it.
 */
export interface SecretStore {
  /** In place of whatever was kept under the run's name; without values nothing is kept. @throws ControlError unavailable */
  put(run: RunId, values: Artifacts): void;
  /** Empty where nothing is kept of the run, or what was kept is damaged. */
  get(run: RunId): Artifacts;
  forget(run: RunId): void;
}
