// Whether a worker may connect as what it says it is.

import { ControlError } from "../../../proto/control.ts";
import { defaultPool } from "../../../proto/graph.ts";
import type { Hello } from "../../../sdk/wire/worker-items.ts";
import type { Worker } from "../../shell/workers.ts";
import { authorize } from "./permissions.ts";
import type { Principal } from "./principal.ts";

/** Null where it may. `known` is the worker of that name that is there, or is expected back. */
export function objectionToWorker(
  hello: Pick<Hello, "worker" | "pool" | "runs" | "unbounded">,
  principal: Principal,
  known: Worker | undefined,
): string | null {
  try {
    authorize(principal, "connect");
  } catch (error) {
    if (error instanceof ControlError) return error.message;
    throw error;
  }
  const { role, pool, tokenId } = principal;
  const offered = hello.pool === "" ? defaultPool : hello.pool;
  // What offers whatever is asked takes work of every pool.
  if (pool !== null && (offered !== pool || hello.unbounded)) {
    return `the token ${tokenId} is for workers of the pool "${pool}", and this one is of "${offered}": start it with --pool ${pool}`;
  }
  if (role === "runner" && hello.runs.length === 0) {
    return `the token ${tokenId} is a runner's, whose machine takes part in its own runs only: ask an admin for a worker's token`;
  }
  if (known !== undefined && known.tokenId !== null && known.tokenId !== tokenId) {
    return `the worker ${hello.worker} is connected with another token: give this one another name`;
  }
  return null;
}
