// Secrets in files that their owner alone can read, one for each run: `<root>/<flow>.<number>.json`.
//
// S1. A file is whole or not there, also after a crash, and durable before the run's first event.
// S2. The values are not sealed: a key would lie in the same folder, for the same readers. Who wants more gives the disk a
//     key of its own, or leaves the folder out of backups; losing it costs what `get` says.
// S3. A file says whose it is: on a disk that doesn't tell upper from lower case, no run reads another's.

import { chmodSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Artifacts } from "../../proto/artifact.ts";
import { ControlError } from "../../proto/control.ts";
import { flowOf, numberOf, type RunId } from "../../proto/ids.ts";
import { object, string, type Parser } from "../../proto/parse/combinators.ts";
import { artifacts } from "../../proto/parse/values.ts";
import type { SecretStore } from "../ports/secret-store.ts";
import { syncFolder, writeDurably } from "./durable-file.ts";

type Kept = { readonly run: string; readonly values: Artifacts };

const parseKept: Parser<Kept> = object<Kept>({ run: string, values: artifacts });

export class FileSecretStore implements SecretStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  put(run: RunId, values: Artifacts): void {
    if (Object.keys(values).length === 0) return this.forget(run);
    try {
      this.#makeFolder();
      writeDurably(this.#fileOf(run), `${JSON.stringify({ run, values } satisfies Kept)}\n`);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ControlError("unavailable", `secret parameters cannot be kept in ${this.#root}: ${why}`);
    }
  }

  get(run: RunId): Artifacts {
    try {
      const kept = parseKept(JSON.parse(readFileSync(this.#fileOf(run), "utf8")));
      return kept.run === run ? kept.values : {}; // S3
    } catch {
      return {}; // What is wrong with the file must not be told with what is in it.
    }
  }

  forget(run: RunId): void {
    rmSync(this.#fileOf(run), { force: true });
  }

  #makeFolder(): void {
    if (mkdirSync(this.#root, { recursive: true, mode: 0o700 }) !== undefined) syncFolder(join(this.#root, ".."));
    chmodSync(this.#root, 0o700);
  }

  #fileOf(run: RunId): string {
    return join(this.#root, `${flowOf(run)}.${numberOf(run)}.json`);
  }
}
