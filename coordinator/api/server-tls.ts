// What a server shows of itself, and what it wants to see of its clients.

/** PEM. */
export type ServerTls = {
  /** Its certificate, then those that vouch for it. */
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate of these authorities; null: none is asked for. */
  readonly clientCa: string | null;
};
