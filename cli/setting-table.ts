// Every setting: its type, what it is called on the command line, and what it is where nobody says.

import { availableParallelism, homedir, totalmem, userInfo } from "node:os";
import { join } from "node:path";
import type { Environment } from "./terminal.ts";

export type Settings = {
  /** Where runs, artifacts and logs are kept. */
  readonly dir: string;
  readonly user: string;
  /** Empty means all. */
  readonly namespace: string;
  readonly maxWorkers: number;
  readonly maxSplits: number;
  readonly isolation: "warm" | "process";
  readonly failFast: boolean;
  readonly logs: "auto" | "all" | "failed" | "none";
  readonly output: "text" | "json" | "jsonl" | "wide";
  readonly color: "auto" | "always" | "never";
  readonly tz: "local" | "utc";
  readonly logLevel: "error" | "warn" | "info" | "debug" | "trace";
  /** Where a coordinator is; empty where this machine does everything by itself. */
  readonly coordinator: string;
  /** Of a coordinator's own authority; empty where another way of trust is used. */
  readonly fingerprint: string;
  /** Files, each empty where there is none. The token itself comes from STEPWELL_TOKEN and is no setting, so that nothing shows it. */
  readonly caFile: string;
  readonly tokenFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly tls: "auto" | "on" | "off";
  /** Whether a coordinator wants tokens. */
  readonly auth: "on" | "off";
  /** Names and addresses of the machine that its certificate is for beside those that it knows, separated by commas. */
  readonly tlsNames: string;
  /** A coordinator lets in only who has a certificate of its authority. */
  readonly clientCertificates: boolean;
  /** Named settings in a file that go together; empty for none. */
  readonly profile: string;
  readonly local: boolean;
  /** What follows is of `stepwell coordinator`, `worker` and `up`. */
  readonly listen: string;
  /** Empty: beside `listen`, at the next port. */
  readonly http: string;
  /** Where a worker serves health and metrics; empty: nowhere. */
  readonly workerHttp: string;
  readonly data: string;
  /** Empty: a queue within the coordinator. */
  readonly nats: string;
  /** Empty: the folder `artifacts` of `data`. */
  readonly store: string;
  /** Whether workers and clients have credentials for the bucket, or are granted URLs. */
  readonly storeAccess: "presigned" | "role";
  readonly drainSeconds: number;
  readonly slots: number;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly gpu: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly pool: string;
  /** Of a worker's artifacts. */
  readonly cacheDir: string;
  readonly cacheMiB: number;
  /** How long a worker that was launched may be without its coordinator. */
  readonly orphanSeconds: number;
  /** Who launches workers for steps with `@batch`. The next ones are of a coordinator that has one. */
  readonly launcher: "none" | "process" | "batch";
  /** How launched workers reach the coordinator; empty: where it listens. */
  readonly advertise: string;
  /** Launched workers at the same time; for one run; and those that stay of a shape. */
  readonly launchMax: number;
  readonly launchMaxPerRun: number;
  readonly launchMin: number;
  readonly launchWindowSeconds: number;
  readonly launchIdleSeconds: number;
  /** Of launched workers, by an estimate; 0: any amount. */
  readonly launchUsdPerDay: number;
  /** Queues of AWS Batch, names or ARNs: for Fargate, EC2 and GPUs, each with one that is never interrupted. Empty: there is none. */
  readonly batchQueue: string;
  readonly batchOnDemandQueue: string;
  readonly batchEc2Queue: string;
  readonly batchEc2OnDemandQueue: string;
  readonly batchGpuQueue: string;
  readonly batchGpuOnDemandQueue: string;
  /** Of workers in Batch, where their step names none. */
  readonly batchImage: string;
  readonly batchJobRole: string;
  readonly batchExecutionRole: string;
  /** Containers on Fargate get a public address; they need one in public subnets. */
  readonly batchPublicIp: "on" | "off";
  /** In CloudWatch; empty: Batch's own. */
  readonly batchLogGroup: string;
};

export type SettingName = keyof Settings;

export type SettingKind =
  | { readonly kind: "text" | "path" | "flag" | "labels" | "memory" }
  | { readonly kind: "integer" | "number"; readonly least: number }
  | { readonly kind: "choice"; readonly of: readonly string[] };

/** In this order they are shown. `flag` null: there is no such option. */
export const settingKinds: Readonly<Record<SettingName, SettingKind & { readonly flag: string | null }>> = {
  dir: { kind: "path", flag: null },
  user: { kind: "text", flag: null },
  namespace: { kind: "text", flag: "namespace" },
  coordinator: { kind: "text", flag: "coordinator" },
  local: { kind: "flag", flag: "local" },
  maxWorkers: { kind: "integer", least: 1, flag: "max-workers" },
  maxSplits: { kind: "integer", least: 1, flag: "max-splits" },
  isolation: { kind: "choice", of: ["warm", "process"], flag: "isolation" },
  failFast: { kind: "flag", flag: "fail-fast" },
  logs: { kind: "choice", of: ["auto", "all", "failed", "none"], flag: "logs" },
  output: { kind: "choice", of: ["text", "json", "jsonl", "wide"], flag: "output" },
  color: { kind: "choice", of: ["auto", "always", "never"], flag: "color" },
  tz: { kind: "choice", of: ["local", "utc"], flag: "tz" },
  logLevel: { kind: "choice", of: ["error", "warn", "info", "debug", "trace"], flag: "log-level" },
  fingerprint: { kind: "text", flag: "fingerprint" },
  caFile: { kind: "path", flag: "ca-file" },
  tokenFile: { kind: "path", flag: "token-file" },
  certFile: { kind: "path", flag: null },
  keyFile: { kind: "path", flag: null },
  tls: { kind: "choice", of: ["auto", "on", "off"], flag: "tls" },
  auth: { kind: "choice", of: ["on", "off"], flag: "auth" },
  tlsNames: { kind: "text", flag: "tls-name" },
  clientCertificates: { kind: "flag", flag: "client-certificates" },
  profile: { kind: "text", flag: "profile" },
  listen: { kind: "text", flag: "listen" },
  http: { kind: "text", flag: "http" },
  workerHttp: { kind: "text", flag: "http" },
  data: { kind: "path", flag: "data" },
  nats: { kind: "text", flag: "nats" },
  store: { kind: "text", flag: "store" },
  storeAccess: { kind: "choice", of: ["presigned", "role"], flag: "store-access" },
  drainSeconds: { kind: "integer", least: 0, flag: "drain-seconds" },
  slots: { kind: "integer", least: 1, flag: "slots" },
  cpu: { kind: "number", least: 0, flag: "cpu" },
  memoryMiB: { kind: "memory", flag: "memory" },
  gpu: { kind: "integer", least: 0, flag: "gpu" },
  labels: { kind: "labels", flag: "label" },
  pool: { kind: "text", flag: "pool" },
  cacheDir: { kind: "path", flag: "cache" },
  cacheMiB: { kind: "memory", flag: "cache-size" },
  orphanSeconds: { kind: "integer", least: 1, flag: null },
  launcher: { kind: "choice", of: ["none", "process", "batch"], flag: "launcher" },
  advertise: { kind: "text", flag: "advertise" },
  launchMax: { kind: "integer", least: 1, flag: "launch-max" },
  launchMaxPerRun: { kind: "integer", least: 1, flag: "launch-max-per-run" },
  launchMin: { kind: "integer", least: 0, flag: "launch-min" },
  launchWindowSeconds: { kind: "number", least: 0, flag: "launch-window-seconds" },
  launchIdleSeconds: { kind: "number", least: 0, flag: "launch-idle-seconds" },
  launchUsdPerDay: { kind: "number", least: 0, flag: "launch-usd-per-day" },
  batchQueue: { kind: "text", flag: null },
  batchOnDemandQueue: { kind: "text", flag: null },
  batchEc2Queue: { kind: "text", flag: null },
  batchEc2OnDemandQueue: { kind: "text", flag: null },
  batchGpuQueue: { kind: "text", flag: null },
  batchGpuOnDemandQueue: { kind: "text", flag: null },
  batchImage: { kind: "text", flag: null },
  batchJobRole: { kind: "text", flag: null },
  batchExecutionRole: { kind: "text", flag: null },
  batchPublicIp: { kind: "choice", of: ["on", "off"], flag: null },
  batchLogGroup: { kind: "text", flag: null },
};

export const settingNames = Object.keys(settingKinds).filter((name): name is SettingName => name in settingKinds);

const defaultListen = "127.0.0.1:7420";

/** In a cluster a run has all the room there is, unless somebody says otherwise. */
export const maxWorkersInCluster = 100_000;

/** What others depend on: those stand before them in the table. */
export type DefaultsFrom = {
  readonly env: Environment;
  readonly dir: string;
  readonly user: string;
  /** A coordinator is used. */
  readonly clustered: boolean;
};

const batchDefaults = {
  batchQueue: () => "",
  batchOnDemandQueue: () => "",
  batchEc2Queue: () => "",
  batchEc2OnDemandQueue: () => "",
  batchGpuQueue: () => "",
  batchGpuOnDemandQueue: () => "",
  batchImage: () => "",
  batchJobRole: () => "",
  batchExecutionRole: () => "",
  batchPublicIp: () => "on",
  batchLogGroup: () => "",
};

export function defaultOf(name: Exclude<SettingName, "dir">, { env, dir, user, clustered }: DefaultsFrom): unknown {
  const defaults: Readonly<Record<Exclude<SettingName, "dir">, () => unknown>> = {
    user: () => userName(env),
    namespace: () => `user:${user}`,
    maxWorkers: () => (clustered ? maxWorkersInCluster : availableParallelism()),
    maxSplits: () => 100_000,
    isolation: () => "warm",
    failFast: () => false,
    logs: () => "auto",
    output: () => "text",
    color: () => "auto",
    tz: () => "local",
    logLevel: () => "warn",
    coordinator: () => "",
    fingerprint: () => "",
    caFile: () => "",
    tokenFile: () => "",
    certFile: () => "",
    keyFile: () => "",
    tls: () => "auto",
    auth: () => "on",
    tlsNames: () => "",
    clientCertificates: () => false,
    profile: () => "",
    local: () => false,
    listen: () => defaultListen,
    http: () => "",
    workerHttp: () => "",
    data: () => join(dir, "cluster"),
    nats: () => "",
    store: () => "",
    storeAccess: () => "presigned",
    drainSeconds: () => 30,
    slots: () => availableParallelism(),
    cpu: () => availableParallelism(),
    memoryMiB: () => Math.floor(totalmem() / mebibyte),
    gpu: () => 0,
    labels: () => ({}),
    pool: () => "default",
    cacheDir: () => join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "stepwell", "artifacts"),
    cacheMiB: () => defaultCacheMiB,
    orphanSeconds: () => 300,
    launcher: () => "none",
    advertise: () => "",
    launchMax: () => 100,
    launchMaxPerRun: () => 100,
    launchMin: () => 0,
    launchWindowSeconds: () => 3,
    launchIdleSeconds: () => 120,
    launchUsdPerDay: () => 0,
    ...batchDefaults,
  };
  return defaults[name]();
}

const defaultCacheMiB = 10 * 1024;
const mebibyte = 1024 * 1024;

function userName(env: Environment): string {
  return env["SUDO_USER"] ?? env["USERNAME"] ?? env["USER"] ?? nameOfThisUser();
}

/** In a container, users have numbers and often no names. */
function nameOfThisUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `user-${process.getuid?.() ?? 0}`;
  }
}
