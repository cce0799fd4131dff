// Profiles in the user's settings file: read, merged, and written so that nobody else reads them and nothing is half written.
//
// P1. What somebody else has written into the file stays.
// P2. A token is in a file of its own, which its owner alone reads. No key of AWS is written anywhere.

import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CliError } from "../cli-error.ts";
import { readJsonObject } from "../json-file.ts";
import type { Environment } from "../terminal.ts";

export type Profile = Readonly<Record<string, unknown>>;

export type Written = { readonly file: string; readonly profile: string; readonly isUsual: boolean };

export function userFile(env: Environment): string {
  return join(env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config"), "stepwell", "config.json");
}

/** By their names. @throws CliError badConfig */
export function profilesIn(file: string): Readonly<Record<string, Profile>> {
  return profilesOf(contentOf(file), file);
}

/** It becomes the usual one where there is none yet. */
export function writeProfile(env: Environment, name: string, { token, ...profile }: Profile & { readonly token: string | null }): Written {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw new CliError("badValue", `a profile cannot be called "${name}"`, { hint: "letters, digits, points and dashes" });
  }
  const file = userFile(env);
  const content = contentOf(file);
  const profiles = profilesOf(content, file);
  const tokenFile = join(dirname(file), `${name}.token`);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (token !== null) writePrivately(tokenFile, `${token}\n`);
  const written = { ...profiles[name], ...profile, ...(token !== null && { tokenFile }) };
  const isUsual = content["profile"] === undefined || content["profile"] === name;
  const next = { ...content, ...(isUsual && { profile: name }), profiles: { ...profiles, [name]: written } };
  writePrivately(file, `${JSON.stringify(next, null, 2)}\n`);
  return { file, profile: name, isUsual };
}

function contentOf(file: string): Readonly<Record<string, unknown>> {
  return existsSync(file) ? readJsonObject({ path: file, of: "settings", kind: "badConfig", example: '{ "maxWorkers": 4 }' }) : {};
}

function profilesOf({ profiles = {} }: Readonly<Record<string, unknown>>, file: string): Readonly<Record<string, Profile>> {
  if (!isObject(profiles)) throw new CliError("badConfig", `${file}: "profiles" must be an object`);
  const known = Object.entries(profiles).map(([name, profile]) => {
    if (!isObject(profile)) throw new CliError("badConfig", `${file}: profile "${name}" must be an object`);
    return [name, profile] as const;
  });
  return Object.fromEntries(known);
}

function isObject(value: unknown): value is Profile {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function writePrivately(file: string, text: string): void {
  const beside = `${file}.${process.pid}.new`;
  writeFileSync(beside, text, { mode: 0o600, flush: true });
  // A file that was there already keeps its rights.
  chmodSync(beside, 0o600);
  renameSync(beside, file);
}
