// One named value of a task.

import { inspect } from "node:util";
import type { ArtifactRef } from "../../proto/artifact.ts";
import { readArtifact } from "../artifact/read.ts";
import type { AnyFlow } from "./data.ts";
import type { Session } from "./connection.ts";
import type { Task } from "./task.ts";

export class Artifact<T = unknown, F = AnyFlow> {
  readonly parent: Task<F>;
  readonly name: string;
  /** Bytes of the encoded value, or of the file that it is; 0 for a caught error. */
  readonly size: number;
  /** Names the encoded value; equal hashes mean equal values. Null for a caught error. */
  readonly sha256: string | null;
  /** For people: `number`, `array(3)`, `Float64Array(1000)`. */
  readonly type: string;
  readonly #ref: ArtifactRef;
  readonly #session: Session;

  constructor(session: Session, parent: Task<F>, { name, ref }: { readonly name: string; readonly ref: ArtifactRef }) {
    this.parent = parent;
    this.name = name;
    this.size = ref.kind === "stored" ? ref.size : 0;
    this.sha256 = ref.kind === "stored" ? ref.sha256 : null;
    this.type = ref.kind === "stored" ? ref.type : "error";
    this.#ref = ref;
    this.#session = session;
  }

  /** `Flow/run/step/index/name`. */
  get pathspec(): string {
    return `${this.parent.pathspec}/${this.name}`;
  }
  /** Whether the task itself set it; otherwise it came from a step before. */
  get produced(): boolean {
    return this.parent.produced.includes(this.name);
  }
  get finishedAt(): Date | null {
    return this.parent.finishedAt;
  }
  get tags(): readonly string[] {
    return this.parent.tags;
  }

  /** Reads and decodes the value. @throws ArtifactStoreError when its bytes are missing or wrong */
  async value(): Promise<T> {
    // The flow's own class declares the type; nothing but the name is known here.
    return (await readArtifact(this.#ref, this.#session.connection.storeOf(this.parent.parent.parent.id))) as T;
  }

  toJSON(): object {
    return { pathspec: this.pathspec, type: this.type, size: this.size, sha256: this.sha256 };
  }

  [inspect.custom](): string {
    return `Artifact ${this.pathspec} · ${this.type}${this.sha256 === null ? "" : ` · ${this.size} bytes`}`;
  }
}
