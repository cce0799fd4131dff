// Who asks.

import type { LaunchId } from "../../../proto/launch.ts";
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

const launchTokenPrefix = "launch ";

/** What the token of a launch is called, so that its worker is known to be of that launch. */
export function launchTokenName(launch: LaunchId): string {
  return `${launchTokenPrefix}${launch}`;
}

/** Null where it is no such token. */
export function launchOfToken({ tokenName, role }: Pick<Principal, "tokenName" | "role">): string | null {
  return role === "worker" && tokenName?.startsWith(launchTokenPrefix) === true ? tokenName.slice(launchTokenPrefix.length) : null;
}

/** Somebody at the other side of a connection. */
export type Caller = { readonly principal: Principal; readonly from: string };

/** Whoever can open a socket that only its owner can open may do what its owner may. */
export const everyone: Principal = { tokenId: null, tokenName: null, role: "admin", namespace: null, pool: null };
