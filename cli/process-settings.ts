// The settings of a program that uses Stepwell as a library: variables and files, no flags.

import { Options } from "./arguments.ts";
import { loadSettings, type Settings } from "./settings.ts";

/** @throws CliError badConfig */
export function settingsOfProcess(): Settings {
  return loadSettings({ options: new Options(new Map()), env: process.env, cwd: process.cwd() }).settings;
}
