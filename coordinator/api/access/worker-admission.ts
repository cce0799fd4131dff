// Whether a worker may connect as what it says it is.

import { ControlError } from "../../../proto/control.ts";
import { defaultPool } from "../../../proto/graph.ts";
import type { RunId } from "../../../proto/ids.ts";
import type { Hello } from "../../../sdk/wire/worker-items.ts";
import type { Assignment } from "../../shell/assignment.ts";
import type { Worker } from "../../shell/workers.ts";
import { authorize } from "./permissions.ts";
import { launchOfToken, type Principal } from "./principal.ts";

const workerNameCharactersMax = 200;
const slotsMax = 10_000;
const labelsMax = 100;
const labelCharactersMax = 500;
const runsMax = 10_000;

/** What is wrong with what a worker says of itself; null where it can be so. */
export function objectionToHello({ worker, slots, cpu, memoryMiB, gpu, labels, runs }: Hello): string | null {
  if (worker === "" || worker.length > workerNameCharactersMax)
    return `a worker's name has between 1 and ${workerNameCharactersMax} characters`;
  if (slots < 1 || slots > slotsMax) return `a worker has between 1 and ${slotsMax} slots, not ${slots}`;
  if (![cpu, memoryMiB, gpu].every((amount) => Number.isFinite(amount) && amount >= 0))
    return "a worker's cores, memory and accelerators are numbers from 0 on";
  const pairs = Object.entries(labels);
  if (pairs.length > labelsMax) return `a worker has at most ${labelsMax} labels`;
  if (pairs.some(([name, value]) => name.length + value.length > labelCharactersMax))
    return `a label has at most ${labelCharactersMax} characters`;
  return runs.length > runsMax ? `a worker takes part in at most ${runsMax} runs by name` : null;
}

type Introduced = Pick<Hello, "worker" | "pool" | "runs" | "unbounded" | "launch">;

export type Namesake = {
  /** The worker of that name that is there, or is expected back. */
  readonly known: Worker | undefined;
  readonly namespaceOf: (run: RunId) => string | null;
};

/** Null where it may. */
export function objectionToWorker(hello: Introduced, principal: Principal, { known, namespaceOf }: Namesake): string | null {
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
  const launch = launchOfToken(principal);
  if (launch !== null && launch !== hello.launch?.launch) return `the token ${tokenId} is for the workers of the launch ${launch}`;
  if (known !== undefined && known.tokenId !== null && known.tokenId !== tokenId) {
    const where = known.hello === null ? "is expected back" : "is connected";
    return `the worker ${hello.worker} ${where} with another token: give this one another name`;
  }
  // Where its token is not known, what it held under a coordinator before this one says who it can not have been.
  const isExpected = known !== undefined && known.tokenId === null;
  if (isExpected && [...known.assignments].some((held) => !couldBeGiven(held, namespaceOf(held.run), { hello, principal }))) {
    return `a worker ${hello.worker} is expected back with work that this token ${tokenId} is not for: give this one another name`;
  }
  return null;
}

function couldBeGiven(
  { run, needs }: Assignment,
  namespace: string | null,
  { hello, principal }: { readonly hello: Introduced; readonly principal: Principal },
): boolean {
  if (principal.namespace !== null && principal.namespace !== namespace) return false;
  if (principal.pool !== null && principal.pool !== needs.pool) return false;
  return principal.role !== "runner" || hello.runs.includes(run);
}
