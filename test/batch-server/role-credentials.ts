// Credentials of a job's role, as a container gets them: from an address, with a word that only it knows.

import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Identities } from "../aws/identities.ts";
import type { Answer } from "../aws/service.ts";

export class RoleCredentials {
  readonly #identities: Identities;
  readonly #lastMs: number;
  readonly #roles = new Map<string, string>();

  constructor(identities: Identities, lastMs: number) {
    this.#identities = identities;
    this.#lastMs = lastMs;
  }

  variablesFor(role: string, endpoint: string): Readonly<Record<string, string>> {
    const word = randomBytes(24).toString("base64url");
    this.#roles.set(word, role);
    return { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint}/credentials`, AWS_CONTAINER_AUTHORIZATION_TOKEN: word };
  }

  /** Null for other requests. */
  answer(request: IncomingMessage, path: string): Answer | null {
    if (path !== "/credentials" || request.method !== "GET") return null;
    const headers = { "content-type": "application/json" };
    const role = this.#roles.get(request.headers.authorization ?? "");
    if (role === undefined) return { status: 401, headers, body: JSON.stringify({ code: "Unauthorized", message: "Invalid token" }) };
    const { accessKeyId, secretAccessKey, session } = this.#identities.issue(Date.now() + this.#lastMs);
    const Expiration = new Date(session.expiresAtMs).toISOString();
    const body = { RoleArn: role, AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: session.token, Expiration };
    return { status: 200, headers, body: JSON.stringify(body) };
  }
}
