// Measures Stepwell beside other systems on this machine: in turns, each in a process of its own with a server of its own,
// beside what the machine can do alone. Prints the table and keeps it in bench/README.md.
// `--quick`: once, at a small size, keeps nothing; only results must be right. Words choose programs: `bullmq stepwell`.

import { readFileSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { quick } from "../figure.ts";
import { measureLimits, type Limits } from "./limits.ts";
import { folderIn, measure } from "./measure.ts";
import { complete } from "./processes.ts";
import { missing } from "./servers.ts";
import { systems } from "./systems.ts";
import { keepTable, tableOf, type Measured, type Round } from "./table.ts";

const rounds = quick ? 1 : 3;
const size = quick ? { width: 100, length: 20, wide: null } : { width: 1000, length: 200, wide: 10_000 };
const loadBefore = loadavg()[0] ?? 0;

const asked = process.argv.slice(2).filter((word) => !word.startsWith("-"));
/** On the disk of the checkout: /tmp may be memory. */
const folder = folderIn(join(import.meta.dirname, ".."), ".peers-");
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const say = (line: string): boolean => process.stderr.write(`${line}\n`);
say("installing the systems");
await complete("npm", ["ci"], { cwd: import.meta.dirname });
await complete(process.execPath, [join(import.meta.dirname, "../../node_modules/typescript/bin/tsc"), "-p", import.meta.dirname]);

const skipped: string[] = [];
const broken: string[] = [];
const limits: Limits[] = [];
const measured = await choose();
for (const each of skipped) say(`skipped: ${each}`);
for (let round = 0; round < rounds; round += 1) {
  limits.push(await measureLimits(folder, quick));
  for (const { system, rounds: done } of measured) {
    say(`round ${round + 1} of ${rounds}: ${system.name}, ${system.durability}`);
    try {
      done.push(await measure(system, { folder, size, isLast: round === rounds - 1 }));
    } catch (error) {
      broken.push(`${system.name}, ${system.durability}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
const lines = tableOf({ measured, limits, size, skipped });
console.log(lines.join("\n"));
if (!quick && asked.length === 0 && broken.length === 0) keepTable(lines, loadBefore);
for (const each of broken) console.error(`broken: ${each}`);
if (broken.length > 0) process.exitCode = 1;

/** Those that can be had here; the others are named. */
async function choose(): Promise<readonly (Measured & { readonly rounds: Round[] })[]> {
  const { dependencies } = JSON.parse(readFileSync(join(import.meta.dirname, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const own = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as { readonly version: string };
  const programs = new Set(systems.map(({ program }) => program));
  const unknown = asked.filter((word) => !programs.has(word));
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(", ")}; there are ${[...programs].join(", ")}`);
  const chosen = [];
  for (const system of systems) {
    if (asked.length > 0 && !asked.includes(system.program)) continue;
    const without = await missing(system.server);
    const version = system.package === null ? own.version : (dependencies[system.package] ?? "");
    if (without === null) chosen.push({ system, version, rounds: [] });
    else skipped.push(`${system.name}: ${without}`);
  }
  return chosen;
}
