// `stepwell coordinator`: serves a cluster in the foreground until it is told to stop.

import { packageVersion } from "../package-version.ts";
import type { ExitCode } from "../cli-error.ts";
import { serveUntilStopped } from "../cluster/daemon.ts";
import { serve } from "../cluster/serve.ts";
import type { Context } from "../context.ts";
import { openServiceLog } from "../log.ts";

export async function coordinator(context: Context): Promise<ExitCode> {
  const { settings, timeoutMs, env } = context;
  const log = openServiceLog("coordinator", context);
  const serving = await serve({ settings, env, version: packageVersion(), log });
  // What runs goes on at its workers, which come back: nothing is to be waited for.
  return serveUntilStopped(
    { drain: () => Promise.resolve(), stop: () => serving.close() },
    { drainSeconds: settings.drainSeconds, timeoutMs, log },
  );
}
