// What a worker that was launched finds in its environment: of which launch it is which worker.

import type { LaunchClaim } from "../../proto/launch.ts";
import { launchVariables } from "../../proto/launch.ts";
import { CliError } from "../cli-error.ts";
import type { Environment } from "../terminal.ts";

/** Null where nobody launched it. @throws CliError badConfig */
export function launchClaimFrom(env: Environment): LaunchClaim | null {
  const launch = env[launchVariables.launch];
  if (launch === undefined || launch === "") return null;
  const [job = ""] = (env[launchVariables.job] ?? "").split(":");
  if (job === "") {
    throw new CliError("badConfig", `${launchVariables.launch} says that this worker was launched, and ${launchVariables.job} is not set`, {
      hint: `only a launcher sets ${launchVariables.launch}: unset it`,
    });
  }
  const index = env[launchVariables.index] ?? "0";
  if (!/^\d+$/.test(index))
    throw new CliError("badConfig", `${launchVariables.index} must be a whole number, not ${JSON.stringify(index)}`);
  return { launch, index: Number(index), job };
}
