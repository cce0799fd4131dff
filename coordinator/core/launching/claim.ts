// Whether a worker may come as the one of a launch that it says it is: the first that claims (launch, index) is it, and nobody
// else ever (L2, L3 of state.ts).

import { parseLaunchId, type LaunchClaim } from "../../../proto/launch.ts";
import { NameError } from "../../../proto/ids.ts";
import { unreachable } from "../../../proto/unreachable.ts";
import type { LaunchEvent } from "./event.ts";
import { isGivenUp, type Launch, type LaunchingState } from "./state.ts";

export type ClaimDecision =
  /** To be let in once `events` are durable. */
  | { readonly kind: "accepted"; readonly launch: Launch; readonly events: readonly LaunchEvent[] }
  | { readonly kind: "refused"; readonly reason: string };

export function decideClaim({ launches }: LaunchingState, claim: LaunchClaim & { readonly worker: string }, atMs: number): ClaimDecision {
  const launch = findLaunch(launches, claim.launch);
  if (launch === undefined) return refused(`there is no launch ${claim.launch}`);
  const { index, worker, job } = claim;
  const objection = objectionTo(launch, index, worker);
  if (objection !== null) return refused(objection);
  const came: LaunchEvent = { kind: "workerClaimed", atMs, launch: launch.id, index, worker };
  const known = launch.workers.get(index);
  const coming = known === undefined || known.leftAtMs !== null ? [came] : [];
  const { stage } = launch;
  switch (stage.kind) {
    case "planned":
    case "uncertain":
      return { kind: "accepted", launch, events: [{ kind: "launchSubmitted", atMs, launch: launch.id, job, knownBy: "claim" }, ...coming] }; // L1
    case "submitted":
      if (stage.job !== job) return refused(`the launch ${launch.id} is the job ${stage.job}, and ${job} is one too many`);
      return { kind: "accepted", launch, events: coming };
    case "over":
      return refused(`the launch ${launch.id} is over`);
    default:
      return unreachable(stage);
  }
}

function objectionTo(launch: Launch, index: number, worker: string): string | null {
  if (!Number.isSafeInteger(index) || index < 0 || index >= launch.count)
    return `the launch ${launch.id} has ${launch.count} workers, and none of the index ${index}`;
  const known = launch.workers.get(index);
  if (known !== undefined && known.worker !== worker) return `worker ${index} of the launch ${launch.id} is ${known.worker} already`;
  if (known === undefined && isGivenUp(launch, index)) return `worker ${index} of the launch ${launch.id} is not needed any more`;
  return null;
}

function refused(reason: string): ClaimDecision {
  return { kind: "refused", reason };
}

function findLaunch(launches: LaunchingState["launches"], text: string): Launch | undefined {
  try {
    return launches.get(parseLaunchId(text));
  } catch (error) {
    if (error instanceof NameError) return undefined;
    throw error;
  }
}
