// The licences of what a bundle takes in from other packages.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Metafile } from "esbuild";

/** Name, version and licence of every package in the bundles, by name. */
export function licencesOf(bundles: readonly Metafile[]): string {
  const folders = new Set(
    bundles
      .flatMap(({ inputs }) => Object.keys(inputs))
      .flatMap((path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+|^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  );
  return [...folders]
    .map(licenceIn)
    .sort()
    .join(`\n${"-".repeat(80)}\n\n`);
}

function licenceIn(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, string>;
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (license === undefined && file === undefined) throw new Error(`${name} has no licence`);
  const text = file === undefined ? "" : `\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  return `${name} ${version}: ${license}\n${text}`;
}
