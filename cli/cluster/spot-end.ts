// A worker on a machine that may be taken away: it leaves in good time, and what it cannot finish by then goes back at nobody's
// expense.

import { spotVariable } from "../../proto/shape.ts";
import type { WorkerLog } from "../../worker/ports/log.ts";
import { exitCodes, type ExitCode } from "../cli-error.ts";
import type { Environment } from "../terminal.ts";

/** Left over for giving back what still runs, and for saying goodbye. Milliseconds. */
const farewellMs = 15_000;

export type SpotEndOptions = {
  readonly env: Environment;
  readonly log: WorkerLog;
  readonly drain: (withinMs: number) => Promise<void>;
  readonly signal: AbortSignal;
};

/** Resolves when the worker has left before its machine does: never where nothing takes it away, or nobody asks to watch for it. */
export async function leftBeforeMachine({ env, log, drain, signal }: SpotEndOptions): Promise<ExitCode> {
  if (env[spotVariable] !== "on") return new Promise(() => undefined);
  const { instanceMetadata, lookEveryMs, spotNotice } = await import("../../worker/adapters/spot-notice.ts");
  const endpoint = env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? instanceMetadata;
  const notice = await spotNotice({ endpoint, everyMs: lookEveryMs, log, signal });
  if (notice === null) return new Promise(() => undefined);
  const withinMs = Math.max(0, notice.atMs - Date.now() - farewellMs);
  const fields = { event: "worker.spotNotice", action: notice.action, within_ms: withinMs };
  log.warn(fields, "this machine will be taken away: the worker takes no more, and gives back what it cannot finish");
  await drain(withinMs);
  return exitCodes.ok;
}
