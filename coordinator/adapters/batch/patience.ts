// Asks Batch again when an answer says later, or when none came. The SDK's own tries are over within a tenth of a second when
// Batch is not well; these go on for half a minute, each after a random part of a wait that doubles, so that those who were
// refused together don't come back together.

import { LauncherError } from "../../ports/launcher.ts";
import { callProblemOf } from "./call-problem.ts";

export type Patience = {
  readonly firstWaitMs: number;
  readonly waitMsMax: number;
  readonly tries: number;
  readonly wait: (ms: number) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
};

/** Only for what may be done twice. @throws LauncherError */
export async function patiently<T>(call: () => Promise<T>, patience: Patience): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      const { kind, reason } = callProblemOf(error);
      if (kind === "refused" || tries === patience.tries) {
        throw new LauncherError(kind === "ambiguous" ? "unavailable" : kind, reason, { cause: error });
      }
      const waitMs = Math.min(patience.waitMsMax, patience.firstWaitMs * 2 ** (tries - 1));
      await patience.wait(waitMs * patience.random());
    }
  }
}
