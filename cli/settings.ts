// Settings: from flags, STEPWELL_* variables, the project's file, the user's file, or the default, in this order; each
// remembers where it came from.

import { existsSync } from "node:fs";
import { availableParallelism, homedir, userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Options } from "./arguments.ts";
import { CliError } from "./cli-error.ts";
import { didYouMean } from "./format/suggestion.ts";
import { readJsonObject } from "./json-file.ts";
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
};

type SettingName = keyof Settings;

/** `source` is a flag, a variable or a file. */
export type Origins = Readonly<Record<SettingName, string>>;

export type LoadedSettings = { readonly settings: Settings; readonly origins: Origins };

type Kind =
  | { readonly kind: "text" | "path" | "flag" }
  | { readonly kind: "integer"; readonly least: number }
  | { readonly kind: "choice"; readonly of: readonly string[] };

const kinds: Readonly<Record<SettingName, Kind & { readonly flag: string | null }>> = {
  dir: { kind: "path", flag: null },
  user: { kind: "text", flag: null },
  namespace: { kind: "text", flag: "namespace" },
  maxWorkers: { kind: "integer", least: 1, flag: "max-workers" },
  maxSplits: { kind: "integer", least: 1, flag: "max-splits" },
  isolation: { kind: "choice", of: ["warm", "process"], flag: "isolation" },
  failFast: { kind: "flag", flag: "fail-fast" },
  logs: { kind: "choice", of: ["auto", "all", "failed", "none"], flag: "logs" },
  output: { kind: "choice", of: ["text", "json", "jsonl", "wide"], flag: "output" },
  color: { kind: "choice", of: ["auto", "always", "never"], flag: "color" },
  tz: { kind: "choice", of: ["local", "utc"], flag: "tz" },
  logLevel: { kind: "choice", of: ["error", "warn", "info", "debug", "trace"], flag: "log-level" },
};

const names = Object.keys(kinds).filter((name): name is SettingName => name in kinds);

type Source = { readonly name: string; readonly origin: string; readonly value: unknown; readonly folder: string };

export type SettingsFrom = { readonly options: Options; readonly env: Environment; readonly cwd: string };

/** @throws CliError badConfig, badValue */
export function loadSettings(from: SettingsFrom): LoadedSettings {
  const projectFile = from.options.text("config") ?? nearest(from.cwd, "stepwell.config.json");
  const userFile = join(from.env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config"), "stepwell", "config.json");
  const files = [
    ...(projectFile === null ? [] : readFile(resolve(from.cwd, projectFile), from.options.text("config") !== undefined)),
    ...readFile(userFile, false),
  ];
  const values: Record<string, unknown> = {};
  const origins: Record<string, string> = {};
  for (const name of names) {
    const source = fromFlag(name, from) ?? fromVariable(name, from) ?? files.find((entry) => entry.name === name);
    values[name] = source === undefined ? defaultOf(name, { ...from, projectFile, user: String(values["user"]) }) : valueOf(name, source);
    origins[name] = source?.origin ?? "default";
  }
  // Every name has been given a value of its kind just above.
  return { settings: values as Settings, origins: origins as Origins };
}

function fromFlag(name: SettingName, { options, cwd }: SettingsFrom): Source | undefined {
  const { flag } = kinds[name];
  if (flag === null) return undefined;
  const value = options.text(flag) ?? shorthand(name, options);
  return value === undefined ? undefined : { name, origin: `--${flag}`, value, folder: cwd };
}

function shorthand(name: SettingName, options: Options): string | undefined {
  if (name === "output" && options.flag("json")) return "json";
  if (name === "logLevel" && options.flag("verbose")) return ["info", "debug", "trace"][options.texts("verbose").length - 1] ?? "trace";
  return undefined;
}

function fromVariable(name: SettingName, { env, cwd }: SettingsFrom): Source | undefined {
  const variable = variableOf(name);
  const value = env[variable];
  return value === undefined ? undefined : { name, origin: variable, value, folder: cwd };
}

/** `STEPWELL_MAX_WORKERS`. */
function variableOf(name: SettingName): string {
  return `STEPWELL_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function readFile(path: string, mustExist: boolean): Source[] {
  if (!mustExist && !existsSync(path)) return [];
  const parsed = readJsonObject({ path, of: "settings", kind: "badConfig", example: '{ "maxWorkers": 4 }' });
  return Object.entries(parsed).map(([name, value]) => {
    if (!names.some((known) => known === name)) {
      throw new CliError("badConfig", `${path}: there is no setting "${name}"`, {
        hint: didYouMean(name, names) ?? `settings: ${names.join(", ")}`,
      });
    }
    return { name, origin: path, value, folder: dirname(path) };
  });
}

function valueOf(name: SettingName, { value, origin, folder }: Source): unknown {
  const kind = kinds[name];
  const wrong = (expected: string) =>
    new CliError(
      origin.startsWith("--") ? "badValue" : "badConfig",
      `${origin.startsWith("--") ? origin : `${name} from ${origin}`} must be ${expected}, not ${JSON.stringify(value)}`,
    );
  switch (kind.kind) {
    case "text":
      if (typeof value !== "string") throw wrong("a text");
      return value;
    case "path":
      if (typeof value !== "string" || value === "") throw wrong("a folder");
      return resolve(folder, value);
    case "flag":
      if (![true, false, "true", "false", "1", "0"].some((known) => known === value)) throw wrong("true or false");
      return value === true || value === "true" || value === "1";
    case "integer": {
      const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
      if (typeof number !== "number" || !Number.isSafeInteger(number) || number < kind.least)
        throw wrong(`a whole number of at least ${kind.least}`);
      return number;
    }
    case "choice":
      if (!kind.of.some((known) => known === value)) throw wrong(`one of ${kind.of.join(", ")}`);
      return value;
    default:
      throw wrong("of a known kind");
  }
}

function defaultOf(name: SettingName, from: SettingsFrom & { readonly projectFile: string | null; readonly user: string }): unknown {
  const defaults: Readonly<Record<SettingName, () => unknown>> = {
    dir: () => defaultDir(from.cwd, from.projectFile),
    user: () => userName(from.env),
    namespace: () => `user:${from.user}`,
    maxWorkers: () => availableParallelism(),
    maxSplits: () => 100_000,
    isolation: () => "warm",
    failFast: () => false,
    logs: () => "auto",
    output: () => "text",
    color: () => "auto",
    tz: () => "local",
    logLevel: () => "warn",
  };
  return defaults[name]();
}

/** Runs of one project are found from all its folders. */
function defaultDir(cwd: string, projectFile: string | null): string {
  const existing = nearest(cwd, ".stepwell");
  const project = projectFile === null ? null : join(dirname(resolve(cwd, projectFile)), ".stepwell");
  if (existing === null || project === null) return existing ?? project ?? join(cwd, ".stepwell");
  return project.length >= existing.length ? project : existing;
}

function userName(env: Environment): string {
  return env["SUDO_USER"] ?? env["USERNAME"] ?? env["USER"] ?? userInfo().username;
}

function nearest(folder: string, name: string): string | null {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const path = join(at, name);
    if (existsSync(path)) return path;
    if (dirname(at) === at) return null;
  }
}
