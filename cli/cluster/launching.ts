// Who launches workers for a coordinator, by its settings, and on which terms.

import { join } from "node:path";
import { ProcessLauncher } from "../../coordinator/adapters/process-launcher.ts";
import type { HttpServer } from "../../coordinator/api/http/http-server.ts";
import type { GivenWorker } from "../../coordinator/api/http/worker-route.ts";
import { SqliteLaunchLedger } from "../../coordinator/adapters/sqlite-launch-ledger.ts";
import type { LaunchLimits } from "../../coordinator/core/launching/sight.ts";
import type { Launcher } from "../../coordinator/ports/launcher.ts";
import type { LaunchLedger } from "../../coordinator/ports/launch-ledger.ts";
import type { LaunchingTerms } from "../../coordinator/shell/launching/launching.ts";
import { launchVariables } from "../../proto/launch.ts";
import { addressText } from "../../sdk/wire/address.ts";
import type { Settings } from "../settings.ts";
import type { Environment } from "../terminal.ts";
import { reachable } from "./reach.ts";
import { addressOf, type TcpAddress } from "./tcp-address.ts";

export type LaunchingFrom = {
  readonly settings: Settings;
  readonly env: Environment;
  /** The coordinator's data folder. */
  readonly folder: string;
  /** Of its own authority; null where it doesn't use that. */
  readonly fingerprint: string | null;
  /** What containers are given at the HTTP port; null where there is none for them. */
  readonly worker: GivenWorker | null;
  readonly http: Pick<HttpServer, "port" | "tls">;
  /** Where the coordinator will listen. */
  readonly listen: TcpAddress;
};

export type OpenedLaunching = { terms(address: string): LaunchingTerms; close(): Promise<void> };

const secondMs = 1000;
/** A worker that is away for so long has left; what it held went to others before. */
const leftAfterMs = 15 * secondMs;
/** A worker that runs and does not come for so long never will. */
const silentMs = 300 * secondMs;
/** For hosts that are hard to get. */
const waitingMsMax = 3600 * secondMs;
const backoffMs = 10 * secondMs;
const backoffMsMax = 600 * secondMs;

/** Null where no workers are launched. @throws CliError missing, LedgerError */
export async function openLaunching(from: LaunchingFrom): Promise<OpenedLaunching | null> {
  const launcher = await launcherOf(from);
  if (launcher === null) return null;
  const ledger: LaunchLedger = new SqliteLaunchLedger(join(from.folder, "launches.db"));
  return {
    terms: (address) => ({ launcher, ledger, limits: limitsOf(from.settings, launcher), environment: environmentFor(from, address) }),
    close: async () => {
      await launcher.close();
      await ledger.close();
    },
  };
}

async function launcherOf({ settings, env, folder, worker, ...at }: LaunchingFrom): Promise<Launcher | null> {
  if (settings.launcher === "none") return null;
  if (worker !== null) {
    const { openBatch } = await import("./batch-launching.ts");
    return openBatch(settings, { url: workerUrl(settings, worker, at), sha256: worker.sha256 });
  }
  return new ProcessLauncher({
    folder: join(folder, "launched"),
    command: [process.execPath, process.argv[1] ?? "", "worker"],
    environment: withoutOwnSettings(env),
  });
}

/** At the host by which launched workers reach the coordinator. */
function workerUrl({ advertise }: Settings, { path }: GivenWorker, { listen, http }: Pick<LaunchingFrom, "listen" | "http">): string {
  const { host } = addressOf(advertise === "" ? reachable(addressText({ kind: "tcp", ...listen })) : advertise, "--advertise");
  return `${http.tls ? "https" : "http"}://${addressText({ kind: "tcp", host, port: http.port })}${path}`;
}

/** The coordinator's settings and token are not those of its workers. */
function withoutOwnSettings(env: Environment): Readonly<Record<string, string>> {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith("STEPWELL_") || /^STEPWELL_(?:CACHE_|ORPHAN_|LOG_LEVEL)/.test(name));
  return Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function environmentFor({ settings, fingerprint }: LaunchingFrom, address: string): LaunchingTerms["environment"] {
  return {
    [launchVariables.coordinator]: settings.advertise === "" ? reachable(address) : settings.advertise,
    ...(fingerprint !== null && { [launchVariables.fingerprint]: fingerprint }),
  };
}

function limitsOf(settings: Settings, { countMax, lagMs }: Launcher): LaunchLimits {
  const { launchMax, launchMaxPerRun, launchMin, launchWindowSeconds, launchIdleSeconds, launchUsdPerDay } = settings;
  return {
    workersMax: launchMax,
    workersPerRunMax: launchMaxPerRun,
    workersMin: launchMin,
    usdPerDayMax: launchUsdPerDay === 0 ? Number.POSITIVE_INFINITY : launchUsdPerDay,
    windowMs: launchWindowSeconds * secondMs,
    idleMs: launchIdleSeconds * secondMs,
    leftAfterMs,
    silentMs,
    waitingMsMax,
    backoffMs,
    backoffMsMax,
    countMax,
    lagMs,
  };
}
