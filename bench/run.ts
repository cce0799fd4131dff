// Runs all measurements, one after the other, each in a process of its own; prints a table and keeps it in bench/README.md.
// `--quick`: small sizes, for a build server. Nothing is kept then, and only figures that don't depend on time must be met.

import { spawn } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { basename, join } from "node:path";
import { quick, type Figure } from "./figure.ts";

const notMeasurements = ["run.ts", "figure.ts", "local-runs.ts", "clusters.ts"];
const minutesMax = 10;
const readme = join(import.meta.dirname, "README.md");
const markers = ["<!-- table -->", "<!-- end of table -->"] as const;

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".ts") && !notMeasurements.includes(name));
const asked = process.argv.slice(2).filter((word) => !word.startsWith("-"));
/** Above half a core, others were at work too, and times are worth little. */
const loadBefore = loadavg()[0] ?? 0;
const heading = ["| figure | measured | limit | ratio | target | met |", "| --- | --: | --: | --: | --- | --- |"];
console.log(heading.join("\n"));
const measured: { readonly file: string; readonly figures: readonly Figure[] }[] = [];
const broken: string[] = [];
for (const file of asked.length === 0 ? files : files.filter((name) => asked.includes(basename(name, ".ts")))) {
  process.stderr.write(`${file}\n`);
  const { figures, failure } = await figuresOf(file);
  measured.push({ file, figures });
  // Each when it is there: whoever ends a long run keeps what it has found.
  for (const figure of figures) console.log(rowOf(figure));
  if (failure !== null) broken.push(`${file}: ${failure}`);
}
if (!quick && asked.length === 0 && broken.length === 0) keep(table());
const missed = measured.flatMap(({ figures }) => figures).filter(({ met, timed }) => met === false && !(quick && timed));
for (const { figure, value, unit, target } of missed) console.error(`missed: ${figure.trim()} is ${value} ${unit}, not ${target}`);
for (const each of broken) console.error(`broken: ${each}`);
if (missed.length + broken.length > 0) process.exitCode = 1;

async function figuresOf(file: string): Promise<{ readonly figures: readonly Figure[]; readonly failure: string | null }> {
  const words = [join(import.meta.dirname, file), ...(quick ? ["--quick"] : [])];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"], timeout: minutesMax * 60_000 });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const figures = text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Figure]));
  return { figures, failure: code === 0 ? null : `ended with ${code ?? "a signal: it may have taken too long"}` };
}

function table(): readonly string[] {
  return [...heading, ...measured.flatMap(({ figures }) => figures.map(rowOf))];
}

function rowOf({ figure, value, unit, limit, limitName, ratio, target, met }: Figure): string {
  const indent = figure.startsWith(" ") ? "&nbsp;&nbsp;" : "";
  const against = limit === null || limitName === "" ? "" : `${limit} ${unit}, ${limitName}`;
  const cells = [indent + figure.trim(), `${value} ${unit}`, against, ratio ?? "", target, met === null ? "" : met ? "yes" : "**no**"];
  return `| ${cells.join(" | ")} |`;
}

/** With the machine, without which the numbers mean nothing. */
function keep(lines: readonly string[]): void {
  const text = readFileSync(readme, "utf8");
  const [begin, end] = markers;
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end);
  if (from < begin.length || to < from) throw new Error(`${readme} has no ${begin} and ${end} to keep the table between`);
  const [cpu] = cpus();
  const machine = `${cpus().length} cores (${cpu?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}; ${loadBefore.toFixed(1)} processes were running before it began.`;
  writeFileSync(readme, `${text.slice(0, from)}\n${machine}\n\n${lines.join("\n")}\n${text.slice(to)}`);
}
