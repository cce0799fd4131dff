// What is told to those who ask Control for what cannot be.

import { ControlError } from "../../proto/control.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { Refused } from "../core/decision.ts";
import { LedgerError } from "../ports/ledger.ts";

/** What the ledger refuses because of what was asked for is an answer; anything else is trouble. */
export async function asked<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof LedgerError && error.problem === "notFound") throw new ControlError("notFound", error.message);
    if (error instanceof LedgerError && error.problem === "cursor") throw new ControlError("invalid", error.message);
    throw error;
  }
}

export function controlErrorOf({ reason, message }: Refused): ControlError {
  switch (reason) {
    case "notFound":
      return new ControlError("notFound", message);
    case "invalid":
      return new ControlError("invalid", message);
    case "conflict":
    case "notCurrent":
    case "stale":
    case "noRoom":
      return new ControlError("conflict", message);
    default:
      return unreachable(reason);
  }
}
