// Secrets in this process's memory: for tests and simulations.

import type { Artifacts } from "../../proto/artifact.ts";
import type { RunId } from "../../proto/ids.ts";
import type { SecretStore } from "../ports/secret-store.ts";

export class MemorySecretStore implements SecretStore {
  readonly #kept = new Map<RunId, string>();

  put(run: RunId, values: Artifacts): void {
    if (Object.keys(values).length === 0) this.#kept.delete(run);
    else this.#kept.set(run, JSON.stringify(values));
  }

  get(run: RunId): Artifacts {
    // Parsed anew for each reader, as from a file.
    return JSON.parse(this.#kept.get(run) ?? "{}") as Artifacts;
  }

  forget(run: RunId): void {
    this.#kept.delete(run);
  }
}
