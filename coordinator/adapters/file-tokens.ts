// The tokens of a coordinator, in one file of its data folder: only hashes, and what each one may do.
//
// K1. A token is known to its holder alone: it is told once, and the file holds its SHA-256. It has 256 random bits, so
//     that a plain hash is enough.
// K2. What a call of this file reports is durable.
// K3. A token that was revoked or has expired counts no more from that moment on, also where a stream is open under it.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ControlError } from "../../proto/control.ts";
import { ParseError, arrayOf, nullable, number, object, oneOf, root, string, type Parser } from "../../proto/parse/combinators.ts";
import { roles, type TokenRequest, type TokenView } from "../../proto/token.ts";
import type { Clock } from "../ports/clock.ts";
import type { Tokens, Verified } from "../ports/tokens.ts";
import { writeDurably } from "./durable-file.ts";

type KeptToken = TokenView & { readonly sha256: string };

/** Tokens that still count. */
const tokensMax = 10_000;
const nameCharactersMax = 100;
/** How long one that counts no more stays in the list. Milliseconds. */
const keptAfterMs = 90 * 86_400_000;
const ttlSecondsMax = 10 * 365 * 86_400;

const parseFile: Parser<{ readonly tokens: readonly KeptToken[] }> = root(
  "tokens",
  object<{ readonly tokens: readonly KeptToken[] }>({
    tokens: arrayOf(
      object<KeptToken>({
        id: string,
        name: string,
        role: oneOf(...roles),
        namespace: nullable(string),
        pool: nullable(string),
        createdAtMs: number,
        expiresAtMs: nullable(number),
        revokedAtMs: nullable(number),
        sha256: string,
      }),
    ),
  }),
);

export class FileTokens implements Tokens {
  readonly #path: string;
  readonly #clock: Clock;
  #kept: Map<string, KeptToken>;
  /** Called when the token counts no more. */
  readonly #ends = new Map<string, Set<(why: string) => void>>();

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
    this.#kept = new Map(existsSync(path) ? readTokens(path).map((token) => [token.id, token]) : []);
  }

  get isEmpty(): boolean {
    return this.#kept.size === 0;
  }

  /** `tell` is called with the token before it counts. */
  create(request: Omit<TokenRequest, "certificate">, tell?: (token: string) => void): { readonly token: string; readonly view: TokenView } {
    const { name, role, namespace, pool, ttlSeconds } = request;
    const createdAtMs = this.#clock.nowMs();
    this.#checkRequest(request);
    const id = `sw_${randomBytes(6).toString("hex")}`;
    const token = `${id}_${randomBytes(32).toString("base64url")}`;
    const expiresAtMs = ttlSeconds === null ? null : createdAtMs + 1000 * ttlSeconds;
    const view: TokenView = { id, name, role, namespace, pool, createdAtMs, expiresAtMs, revokedAtMs: null };
    tell?.(token);
    this.#write([...this.#kept.values(), { ...view, sha256: hashOf(token) }]);
    return { token, view };
  }

  list(): readonly TokenView[] {
    const views = [...this.#kept.values()].map(viewOf).reverse();
    return [...views.filter((view) => this.#counts(view)), ...views.filter((view) => !this.#counts(view))];
  }

  /** @throws ControlError notFound, conflict */
  revoke(id: string): TokenView {
    const token = this.#kept.get(id);
    if (token === undefined) {
      const named = [...this.#kept.values()].filter((one) => one.name === id && this.#counts(one)).map((one) => one.id);
      const remedy = named.length === 0 ? "`stepwell token list` shows them all" : `it is revoked by its id: ${named.join(", ")}`;
      throw new ControlError("notFound", `there is no token ${id}: ${remedy}`);
    }
    if (token.revokedAtMs !== null) throw new ControlError("conflict", `${id} has been revoked already`);
    const others = [...this.#kept.values()].filter(
      (one) => one.id !== id && one.role === "admin" && one.namespace === null && this.#counts(one),
    );
    if (token.role === "admin" && others.length === 0) {
      throw new ControlError("conflict", `${id} is the last token of an admin: create another one first`);
    }
    const revoked = { ...token, revokedAtMs: this.#clock.nowMs() };
    this.#write([...this.#kept.values()].map((one) => (one.id === id ? revoked : one)));
    for (const end of this.#ends.get(id) ?? []) end(`the token ${id} has been revoked`);
    return viewOf(revoked);
  }

  verify(token: string): Verified {
    const id = /^(sw_[0-9a-f]{12})_[\w-]{43}$/.exec(token)?.[1];
    const kept = id === undefined ? undefined : this.#kept.get(id);
    if (kept === undefined || !timingSafeEqual(Buffer.from(kept.sha256, "hex"), Buffer.from(hashOf(token), "hex")))
      return { kind: "unknown" };
    const view = viewOf(kept);
    if (view.revokedAtMs !== null) return { kind: "revoked", token: view };
    return this.#counts(view) ? { kind: "good", token: view } : { kind: "expired", token: view };
  }

  whyEnded(id: string): string | null {
    const token = this.#kept.get(id);
    if (token === undefined || token.revokedAtMs !== null) return `the token ${id} has been revoked`;
    return this.#counts(token) ? null : `the token ${id} has expired`;
  }

  /** Calls back once, when the token counts no more (K3). Returns the function that ends the wait. */
  whenEnded(id: string, callback: (why: string) => void): () => void {
    const token = this.#kept.get(id);
    if (token === undefined) return () => undefined;
    const ends = this.#ends.get(id) ?? new Set();
    this.#ends.set(id, ends);
    const stop = (): void => {
      ends.delete(end);
      cancelExpiry();
      if (ends.size === 0 && this.#ends.get(id) === ends) this.#ends.delete(id);
    };
    const end = (why: string): void => {
      stop();
      callback(why);
    };
    ends.add(end);
    const { expiresAtMs } = token;
    const leftMs = expiresAtMs === null ? null : expiresAtMs - this.#clock.nowMs();
    const expire = (): void => end(`the token ${id} has expired`);
    const cancelExpiry = leftMs === null ? () => undefined : this.#clock.after(leftMs, expire, { background: true });
    return stop;
  }

  #checkRequest({ name, role, namespace, pool, ttlSeconds }: Omit<TokenRequest, "certificate">): void {
    const invalid = (message: string): ControlError => new ControlError("invalid", message);
    if (name.length > nameCharactersMax) throw invalid(`a token's name has at most ${nameCharactersMax} characters`);
    if (namespace === "" || pool === "") throw invalid("a token's namespace or pool is a name, or is left out");
    if (role === "admin" && (namespace !== null || pool !== null)) throw invalid("an admin's token is limited to no namespace and no pool");
    if (role === "reader" && pool !== null) throw invalid("a reader's token is limited to no pool: it takes no work");
    if (ttlSeconds !== null && (ttlSeconds < 1 || ttlSeconds > ttlSecondsMax))
      throw invalid("a token lives between a second and ten years");
    if ([...this.#kept.values()].filter((one) => this.#counts(one)).length >= tokensMax) {
      throw invalid(`there are ${tokensMax} tokens already: revoke those that nobody needs`);
    }
  }

  #counts({ revokedAtMs, expiresAtMs }: TokenView): boolean {
    return revokedAtMs === null && (expiresAtMs === null || expiresAtMs > this.#clock.nowMs());
  }

  /** K2. */
  #write(tokens: readonly KeptToken[]): void {
    const sinceMs = this.#clock.nowMs() - keptAfterMs;
    const kept = tokens.filter((one) => this.#counts(one) || (one.revokedAtMs ?? one.expiresAtMs ?? 0) > sinceMs);
    writeDurably(this.#path, `${JSON.stringify({ tokens: kept }, null, 1)}\n`);
    this.#kept = new Map(kept.map((token) => [token.id, token]));
  }
}

export type OpenedTokens = {
  readonly tokens: FileTokens;
  /** Where the token of an admin is that was made now, at the first start; null later. */
  readonly adminTokenFile: string | null;
};

/**
 * Opens the tokens of a data folder. The first start makes one for an admin and puts it into a file that its owner alone
 * can read. @throws Error when the file is damaged
 */
export function openTokens(folder: string, clock: Clock): OpenedTokens {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const tokens = new FileTokens(join(folder, "tokens.json"), clock);
  if (!tokens.isEmpty) return { tokens, adminTokenFile: null };
  const adminTokenFile = join(folder, "admin-token");
  tokens.create({ name: "first admin", role: "admin", namespace: null, pool: null, ttlSeconds: null }, (token) =>
    writeDurably(adminTokenFile, `${token}\n`),
  );
  return { tokens, adminTokenFile };
}

function readTokens(path: string): readonly KeptToken[] {
  try {
    return parseFile(JSON.parse(readFileSync(path, "utf8"))).tokens;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof ParseError)) throw error;
    throw new Error(`${path} is damaged (${error.message}): bring it back from a backup, or remove it to begin with a new admin's token`, {
      cause: error,
    });
  }
}

function viewOf({ id, name, role, namespace, pool, createdAtMs, expiresAtMs, revokedAtMs }: KeptToken): TokenView {
  return { id, name, role, namespace, pool, createdAtMs, expiresAtMs, revokedAtMs };
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
