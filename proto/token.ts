// Who may do what: roles, and the tokens that carry them.

/**
 * `reader` looks at runs, `runner` starts and changes them too, `worker` connects and takes work and nothing else, `admin`
 * does everything.
 */
export const roles = ["reader", "runner", "worker", "admin"] as const;
export type Role = (typeof roles)[number];

export type TokenRequest = {
  /** For people: whose it is, or what for. */
  readonly name: string;
  readonly role: Role;
  /** Runs of this namespace only; null: of all. */
  readonly namespace: string | null;
  /** Work of this pool only; null: of any. */
  readonly pool: string | null;
  /** Null: until it is revoked. */
  readonly ttlSeconds: number | null;
  /** A client's certificate as well, for a coordinator that asks for them. */
  readonly certificate: boolean;
};

/** What is known of a token afterwards: never the token itself. */
export type TokenView = {
  /** It begins the token, so that one that turns up somewhere can be told. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly namespace: string | null;
  readonly pool: string | null;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
};

export type CreatedToken = {
  /** Told this once. */
  readonly token: string;
  readonly view: TokenView;
  /** PEM. */
  readonly certificate: { readonly cert: string; readonly key: string; readonly ca: string } | null;
};

export interface TokenControl {
  createToken(request: TokenRequest): Promise<CreatedToken>;
  /** Those that still count first, each newest first. */
  tokens(): Promise<readonly TokenView[]>;
  /** Ends also what is open under it. @throws ControlError notFound, conflict (already revoked, or the last of an admin) */
  revokeToken(id: string): Promise<TokenView>;
}
