// Who asks.

import type { Role } from "../../../proto/token.ts";

export type Principal = {
  /** Null where everybody is let in who can connect at all. */
  readonly tokenId: string | null;
  readonly tokenName: string | null;
  readonly role: Role;
  /** Runs of this namespace only; null: of all. */
  readonly namespace: string | null;
  /** Work of this pool only; null: of any. */
  readonly pool: string | null;
};

/** Somebody at the other side of a connection. */
export type Caller = { readonly principal: Principal; readonly from: string };

/** Whoever can open a socket that only its owner can open may do what its owner may. */
export const everyone: Principal = { tokenId: null, tokenName: null, role: "admin", namespace: null, pool: null };
