// What a server shows of itself, and what it wants to see of its clients.

export type CertifiedKey = {
  /** PEM: its certificate, then those that vouch for it. */
  readonly cert: string;
  /** PEM */
  readonly key: string;
};

export type ServerTls = CertifiedKey & {
  /** PEM. Clients must show a certificate of these authorities; null: none is asked for. */
  readonly clientCa: string | null;
  /** Calls back with what new connections are shown from then on, whenever that changes; absent where it never does. */
  readonly onRenewed?: (show: (renewed: CertifiedKey) => void) => void;
};
