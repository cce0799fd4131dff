/** Something that was asked for, by whom, and what came of it. Holds no secrets: no token, no parameter, no text of a user. */
export type AuditEntry = {
  readonly atMs: number;
  /** A method of Control, `connect`, or an HTTP route. */
  readonly action: string;
  /** Null where nobody was known, or everybody is let in. */
  readonly tokenId: string | null;
  readonly tokenName: string | null;
  readonly role: string | null;
  /** Address of the other side. */
  readonly from: string;
  readonly run: string | null;
  /** What else it was about: a worker, a token. */
  readonly about: string | null;
  readonly result: "done" | "denied" | "failed";
  /** Code of what went wrong. */
  readonly code: string | null;
};

/** Keeps who did what. Bounded: the oldest entries go. */
export interface AuditTrail {
  /** Never throws: an action that was done is done, and the log says what could not be kept. */
  record(entry: AuditEntry): void;
  /** Resolves when everything recorded is kept. */
  close(): Promise<void>;
}
