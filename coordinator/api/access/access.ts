// Finds out who is at the other side of a connection, and says when somebody's time is over.
//
// A1. Without tokens (a socket of one's own) everybody is let in, as whoever owns the socket.
// A2. With tokens nobody is let in without one that counts. Who keeps trying waits longer for each answer, and fills no log.

import { ControlError } from "../../../proto/control.ts";
import type { CreatedToken, TokenControl } from "../../../proto/token.ts";
import type { AuditTrail } from "../../ports/audit-trail.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Tokens } from "../../ports/tokens.ts";
import { howToGiveOne } from "./permissions.ts";
import { everyone, type Principal } from "./principal.ts";

export type AccessOptions = {
  readonly clock: Clock;
  readonly audit: AuditTrail;
  /** Null: everybody is let in (A1). */
  readonly tokens: Tokens | null;
  /** Certificates for clients, where the coordinator has an authority of its own. */
  issueCertificate: ((name: string, days: number) => CreatedToken["certificate"]) | null;
};

/** Refusals of one address within `windowMs` that are answered at once, and told. */
const failuresMax = 30;
const windowMs = 60_000;
/** What a refusal beyond these waits. Milliseconds. */
const slowMs = 1000;
/** Addresses that are remembered. */
const addressesMax = 10_000;
/** Of a client's certificate for a token without an end. */
const certificateDays = 365;

export class Access {
  readonly #options: AccessOptions;
  readonly #failures = new Map<string, { readonly sinceMs: number; count: number }>();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** `authorization` is what came with the request. @throws ControlError unauthenticated */
  async identify(authorization: string | undefined, from: string): Promise<Principal> {
    const { tokens } = this.#options;
    if (tokens === null) return everyone;
    const token = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) throw await this.#refuse(from, { message: `this coordinator wants a token: ${howToGiveOne}`, tokenId: null });
    const verified = tokens.verify(token);
    if (verified.kind === "good") {
      const { id, name, role, namespace, pool } = verified.token;
      return { tokenId: id, tokenName: name, role, namespace, pool };
    }
    if (verified.kind === "unknown")
      throw await this.#refuse(from, { message: `the token is not known to this coordinator: ${howToGiveOne}`, tokenId: null });
    const { id } = verified.token;
    throw await this.#refuse(from, {
      message: `the token ${id} ${verified.kind === "expired" ? "has expired" : "has been revoked"}: ask an admin for another one`,
      tokenId: id,
    });
  }

  /** Null while the principal may do what it was let in for. */
  whyEnded({ tokenId }: Principal): string | null {
    return tokenId === null ? null : (this.#options.tokens?.whyEnded(tokenId) ?? null);
  }

  /** Calls back once, as soon as the principal may do nothing any more. Returns the function that ends the wait. */
  whenEnded({ tokenId }: Principal, callback: (why: string) => void): () => void {
    const { tokens } = this.#options;
    return tokens === null || tokenId === null ? () => undefined : tokens.whenEnded(tokenId, callback);
  }

  get control(): TokenControl {
    return {
      createToken: async ({ certificate, ...request }) => {
        const tokens = this.#tokens();
        const issue = this.#options.issueCertificate;
        if (certificate && issue === null)
          throw new ControlError("invalid", "this coordinator has no authority of its own to sign a certificate with");
        const made = tokens.create(request);
        const days = request.ttlSeconds === null ? certificateDays : Math.ceil(request.ttlSeconds / 86_400);
        return { ...made, certificate: certificate && issue !== null ? issue(made.view.id, days) : null };
      },
      tokens: async () => this.#tokens().list(),
      revokeToken: async (id) => this.#tokens().revoke(id),
    };
  }

  #tokens(): Tokens {
    if (this.#options.tokens === null)
      throw new ControlError("invalid", "this coordinator uses no tokens: whoever can connect may do everything");
    return this.#options.tokens;
  }

  async #refuse(from: string, { message, tokenId }: { readonly message: string; readonly tokenId: string | null }): Promise<ControlError> {
    const { clock, audit } = this.#options;
    const count = this.#count(from);
    if (count <= failuresMax) {
      const code = "unauthenticated";
      audit.record({
        atMs: clock.nowMs(),
        action: "identify",
        tokenId,
        tokenName: null,
        role: null,
        from,
        run: null,
        about: null,
        result: "denied",
        code,
      });
    } else {
      await new Promise<void>((resolve) => clock.after(slowMs, resolve, { background: true }));
    }
    return new ControlError("unauthenticated", message);
  }

  #count(from: string): number {
    const nowMs = this.#options.clock.monotonicMs();
    const host = from.replace(/:\d+$/, "");
    const known = this.#failures.get(host);
    if (known !== undefined && nowMs - known.sinceMs < windowMs) return (known.count += 1);
    if (this.#failures.size >= addressesMax) this.#failures.clear();
    this.#failures.set(host, { sinceMs: nowMs, count: 1 });
    return 1;
  }
}
