// Who may sign: one with lasting credentials, and roles with credentials that end.

import { randomBytes } from "node:crypto";
import { testCredentials, type Credentials, type Identity } from "./signature.ts";

export class Identities {
  readonly #known = new Map<string, Identity>();

  constructor(lasting: Credentials = testCredentials) {
    this.#known.set(lasting.accessKeyId, lasting);
  }

  issue(expiresAtMs: number): Required<Identity> {
    const identity = {
      accessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
      secretAccessKey: randomBytes(20).toString("base64"),
      session: { token: randomBytes(40).toString("base64"), expiresAtMs },
    };
    this.#known.set(identity.accessKeyId, identity);
    return identity;
  }

  find(accessKeyId: string): Identity | undefined {
    return this.#known.get(accessKeyId);
  }
}
