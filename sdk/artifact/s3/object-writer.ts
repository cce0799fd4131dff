// Writes objects under their names: once, with their checksum, and again only where something wrong or old is there.
//
// W1. "It is there already" is success, also when it was this writer's own try that made it and whose answer was lost.
// W2. What is there is compared by what the server says of it (checksum, MD5, size), never read.

import { createHash } from "node:crypto";
import type { Sha256 } from "../../../proto/ids.ts";
import { renewedAfterMs } from "../sweepable.ts";
import type { BlobObjects, ObjectFacts, ObjectName, ObjectWrite } from "./objects.ts";
import { persist } from "./persistence.ts";
import type { Pacing } from "./persistence.ts";
import { explain, RequestFailure } from "./request-failure.ts";

type Written = Omit<ObjectWrite, "replace">;

/** `unseen`: nobody may look, so the name is trusted. */
type Found = "absent" | "right" | "old" | "wrong" | "unseen";

/** For larger ones a look costs less than sending them in vain. Bytes. */
const lookFirstBytesMin = 256 * 1024;

export class ObjectWriter {
  readonly #objects: BlobObjects;
  readonly #pacing: Pacing;

  constructor(objects: BlobObjects, pacing: Pacing) {
    this.#objects = objects;
    this.#pacing = pacing;
  }

  /** @throws ArtifactStoreError */
  async write(name: ObjectName, written: Written): Promise<void> {
    try {
      await this.#writeOnce(name, written);
    } catch (error) {
      if (!(error instanceof RequestFailure)) throw error;
      throw explain(`blob ${name.sha256} could not be written`, this.#objects.place, error);
    }
  }

  async #writeOnce(name: ObjectName, written: Written): Promise<void> {
    let found: Found = written.bytes.length >= lookFirstBytesMin ? await this.#look(name, written) : "absent";
    if (found === "absent" || found === "unseen") {
      if ((await this.#send(name, { ...written, replace: false })) === "written") return;
      found = await this.#look(name, written);
    }
    if (found === "right" || found === "unseen") return;
    try {
      await this.#send(name, { ...written, replace: true });
    } catch (error) {
      // A bucket may forbid to replace anything: what is merely old stays so.
      if (found !== "old" || !(error instanceof RequestFailure && error.reason === "denied")) throw error;
    }
  }

  #send(name: ObjectName, write: ObjectWrite): Promise<"written" | "exists"> {
    return persist(this.#pacing, () => this.#objects.write(name, write));
  }

  async #look(name: ObjectName, written: Written): Promise<Found> {
    try {
      const facts = await persist(this.#pacing, () => this.#objects.look(name));
      if (facts === null) return "absent";
      if (!agrees(facts, written)) return "wrong";
      return facts.modifiedAtMs !== null && Date.now() - facts.modifiedAtMs > renewedAfterMs ? "old" : "right";
    } catch (error) {
      if (error instanceof RequestFailure && error.reason === "denied") return "unseen";
      throw error;
    }
  }
}

function agrees(facts: ObjectFacts, { bytes, checksum }: { readonly bytes: Uint8Array; readonly checksum: Sha256 }): boolean {
  if (facts.size !== bytes.length) return false;
  if (facts.sha256 !== null) return facts.sha256 === checksum;
  return facts.md5 === null || facts.md5 === createHash("md5").update(bytes).digest("hex");
}
