// One named value of a task.

import { inspect } from "node:util";
import type { ArtifactRef } from "../../proto/artifact.ts";
import { readArtifact } from "../artifact/read.ts";
import type { Session } from "./connection.ts";

export class Artifact<T = unknown> {
  readonly name: string;
  /** `Flow/run/step/index/name`. */
  readonly pathspec: string;
  /** Bytes of the encoded value; 0 for a caught error. */
  readonly size: number;
  /** Names the encoded value; null for a caught error. */
  readonly sha256: string | null;
  /** For people: `number`, `array(3)`, `Float64Array(1000)`. */
  readonly type: string;
  readonly #ref: ArtifactRef;
  readonly #session: Session;

  constructor(session: Session, pathspec: string, ref: ArtifactRef) {
    this.name = pathspec.slice(pathspec.lastIndexOf("/") + 1);
    this.pathspec = pathspec;
    this.size = ref.kind === "stored" ? ref.size : 0;
    this.sha256 = ref.kind === "stored" ? ref.sha256 : null;
    this.type = ref.kind === "stored" ? ref.type : "error";
    this.#ref = ref;
    this.#session = session;
  }

  /** Reads and decodes the value. @throws ArtifactStoreError when its bytes are missing or wrong */
  async value(): Promise<T> {
    // The flow's own class declares the type; nothing but the name is known here.
    return (await readArtifact(this.#ref, this.#session.connection.store)) as T;
  }

  toJSON(): object {
    return { pathspec: this.pathspec, type: this.type, size: this.size, sha256: this.sha256 };
  }

  [inspect.custom](): string {
    return `Artifact ${this.pathspec} (${this.type}, ${this.size} B)`;
  }
}
