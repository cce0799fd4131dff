// Loads settings: from flags, STEPWELL_* variables, a profile, the project's file, the user's file, or the default, in this
// order; each remembers where it came from.
//
// A profile (`profiles` in a file) stands where its name came from: one named by --profile wins over variables too.

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Options } from "./arguments.ts";
import { CliError } from "./cli-error.ts";
import { didYouMean } from "./format/suggestion.ts";
import { readJsonObject } from "./json-file.ts";
import { parseSetting } from "./setting-value.ts";
import { defaultOf, type DefaultsFrom, settingKinds, settingNames, type SettingName, type Settings } from "./setting-table.ts";
import type { Environment } from "./terminal.ts";

export type { Settings } from "./setting-table.ts";

/** `source` is a flag, a variable or a file. */
export type Origins = Readonly<Record<SettingName, string>>;

export type LoadedSettings = { readonly settings: Settings; readonly origins: Origins };

type Source = { readonly name: string; readonly origin: string; readonly value: unknown; readonly folder: string };

export type SettingsFrom = { readonly options: Options; readonly env: Environment; readonly cwd: string };

/** @throws CliError badConfig, badValue */
export function loadSettings(from: SettingsFrom): LoadedSettings {
  const projectFile = from.options.text("config") ?? nearest(from.cwd, "stepwell.config.json");
  const userFile = join(from.env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config"), "stepwell", "config.json");
  const files = [
    ...(projectFile === null ? [] : [readFile(resolve(from.cwd, projectFile), from.options.text("config") !== undefined)]),
    readFile(userFile, false),
  ];
  const sourceOf = sourcesOf(from, files);
  const values: Record<string, unknown> = {};
  const origins: Record<string, string> = {};
  for (const name of settingNames) {
    const source = sourceOf(name);
    if (source !== undefined) values[name] = parseSetting(name, source);
    else if (name === "dir") values[name] = defaultDir(from.cwd, projectFile);
    else values[name] = defaultOf(name, { env: from.env, ...given(values) });
    origins[name] = source?.origin ?? "default";
  }
  // Every name has been given a value of its kind just above.
  return { settings: values as Settings, origins: origins as Origins };
}

/** What has been loaded so far, of what defaults depend on. */
function given(values: Readonly<Record<string, unknown>>): Omit<DefaultsFrom, "env"> {
  const { dir, user, coordinator, local } = values;
  return { dir: String(dir), user: String(user), clustered: coordinator !== undefined && coordinator !== "" && local !== true };
}

function sourcesOf(from: SettingsFrom, files: readonly SettingsFile[]): (name: SettingName) => Source | undefined {
  const inFiles = (name: string): Source | undefined => files.flatMap((file) => file.sources).find((entry) => entry.name === name);
  const fromCommand = fromFlag("profile", from);
  const profile = profileOf(fromCommand ?? fromVariable("profile", from) ?? inFiles("profile"), files);
  return (name) => {
    const given = profile.find((entry) => entry.name === name);
    const flag = fromFlag(name, from);
    const variable = fromVariable(name, from);
    return (fromCommand === undefined ? (flag ?? variable ?? given) : (flag ?? given ?? variable)) ?? inFiles(name);
  };
}

/** @throws CliError badConfig where no file has the profile */
function profileOf(named: Source | undefined, files: readonly SettingsFile[]): readonly Source[] {
  if (named === undefined || named.value === "") return [];
  const name = String(named.value);
  const found = files.find((file) => file.profiles.has(name))?.profiles.get(name);
  if (found !== undefined) return found;
  const known = files.flatMap((file) => [...file.profiles.keys()]);
  const example = `"profiles": { "${name}": { "coordinator": "host:7420" } }`;
  throw new CliError("badConfig", `there is no profile "${name}" (from ${named.origin})`, {
    hint:
      didYouMean(name, known) ?? (known.length > 0 ? `profiles: ${known.join(", ")}` : `a file of settings holds them, like ${example}`),
  });
}

function fromFlag(name: SettingName, { options, cwd }: SettingsFrom): Source | undefined {
  const { flag, kind } = settingKinds[name];
  if (flag === null) return undefined;
  const value = kind === "labels" ? several(options.texts(flag)) : (options.text(flag) ?? shorthand(name, options));
  return value === undefined ? undefined : { name, origin: `--${flag}`, value, folder: cwd };
}

function several(texts: readonly string[]): string | undefined {
  return texts.length === 0 ? undefined : texts.join(",");
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
export function variableOf(name: SettingName): string {
  return `STEPWELL_${name.replace("MiB", "_MIB").replace(/[A-Z](?=[a-z])/g, (letter) => `_${letter}`)}`.toUpperCase();
}

type SettingsFile = { readonly sources: readonly Source[]; readonly profiles: ReadonlyMap<string, readonly Source[]> };

function readFile(path: string, mustExist: boolean): SettingsFile {
  if (!mustExist && !existsSync(path)) return { sources: [], profiles: new Map() };
  const { profiles = {}, ...parsed } = readJsonObject({ path, of: "settings", kind: "badConfig", example: '{ "maxWorkers": 4 }' });
  const entries = objectIn(profiles, `${path}: "profiles"`).map(([name, given]) => {
    const origin = `${path}, profile ${name}`;
    return [name, sourcesIn(objectIn(given, `${path}: profile "${name}"`), { origin, folder: dirname(path) })] as const;
  });
  return { sources: sourcesIn(Object.entries(parsed), { origin: path, folder: dirname(path) }), profiles: new Map(entries) };
}

function objectIn(value: unknown, what: string): readonly (readonly [string, unknown])[] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return Object.entries(value);
  throw new CliError("badConfig", `${what} must be an object`, { hint: 'like { "lab": { "coordinator": "host:7420" } }' });
}

function sourcesIn(entries: readonly (readonly [string, unknown])[], at: { readonly origin: string; readonly folder: string }): Source[] {
  return entries.map(([name, value]) => {
    if (!settingNames.some((known) => known === name)) {
      throw new CliError("badConfig", `${at.origin}: there is no setting "${name}"`, {
        hint: didYouMean(name, settingNames) ?? `settings: ${settingNames.join(", ")}`,
      });
    }
    return { name, value, ...at };
  });
}

/** Runs of one project are found from all its folders. */
function defaultDir(cwd: string, projectFile: string | null): string {
  const existing = nearest(cwd, ".stepwell");
  const project = projectFile === null ? null : join(dirname(resolve(cwd, projectFile)), ".stepwell");
  if (existing === null || project === null) return existing ?? project ?? join(cwd, ".stepwell");
  return project.length >= existing.length ? project : existing;
}

function nearest(folder: string, name: string): string | null {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const path = join(at, name);
    if (existsSync(path)) return path;
    if (dirname(at) === at) return null;
  }
}
