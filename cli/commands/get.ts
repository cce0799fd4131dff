// `stepwell get`: the value of one artifact, of any size.

import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Control } from "../../proto/control.ts";
import { stepOf } from "../../proto/ids.ts";
import { readArtifact } from "../../sdk/artifact/read.ts";
import { CliError, exitCodes, type ExitCode } from "../cli-error.ts";
import { printNote, wantsJson, type Context } from "../context.ts";
import { didYouMean } from "../format/suggestion.ts";
import { outputPath } from "../output-file.ts";
import { reading } from "../reading.ts";
import { resolvePath, viewRun, type Named } from "../run-name.ts";
import { readStored } from "../stored.ts";
import { isFile, valueJson, valueText } from "../value-text.ts";
import { artifactsOf } from "./artifacts.ts";

type Format = "text" | "json" | "raw";

export function get(context: Context): Promise<ExitCode> {
  return reading(context, async ({ control, storeOf }) => {
    const text = context.operands[0] ?? "";
    const named = await resolvePath(text, { control, namespace: context.settings.namespace });
    const { artifact } = named.within;
    if (artifact === undefined) throw new CliError("badValue", `"${text}" names no artifact`, { hint: await whatToName(named, control) });
    const found = await artifactsOf(named, control);
    const ref = found.artifacts[artifact];
    if (ref === undefined && found.secrets.includes(artifact))
      throw new CliError("badValue", `${artifact} is a secret parameter of ${named.run}: its value is not kept where it could be read`);
    if (ref === undefined) throw unknownArtifact(`${named.run}/${found.task}`, artifact, Object.keys(found.artifacts));
    const hint =
      found.collectedAtMs === null
        ? `make it again: stepwell resume ${named.run} ${stepOf(found.task)}`
        : `the artifacts of ${named.run} were deleted by stepwell gc on ${new Date(found.collectedAtMs).toISOString().slice(0, 10)}; run its flow anew`;
    const value = await readStored(`artifact ${artifact} of ${named.run}/${found.task}`, hint, readArtifact(ref, storeOf(named.run)));
    await print(context, value);
    return exitCodes.ok;
  });
}

/** @throws CliError notFound, badValue where the path names no single task either */
async function whatToName(named: Named, control: Control): Promise<string> {
  const { run, within } = named;
  const view = await viewRun(run, control);
  const isStep = view.graph.steps.some(({ name }) => name === within.step);
  const inRun = within.step === undefined || isStep ? named : { run, within: {} };
  const { task, artifacts } = await artifactsOf(inRun, control);
  const names = Object.keys(artifacts);
  const name = isStep ? names[0] : (names.find((known) => known === within.step) ?? names[0]);
  if (name === undefined) return `${run}/${task} has none`;
  return `an artifact is named after its task: stepwell get ${run}/${task}/${name}; ${listed(names)}`;
}

function listed(names: readonly string[]): string {
  return `artifacts: ${names.slice(0, 20).join(", ")}${names.length > 20 ? ", ..." : ""}`;
}

function unknownArtifact(task: string, name: string, known: readonly string[]): CliError {
  const hint = didYouMean(name, known) ?? (known.length === 0 ? `${task} has none` : listed(known));
  return new CliError("notFound", `${task} has no artifact "${name}"`, { hint });
}

async function print(context: Context, value: unknown): Promise<void> {
  const out = context.options.text("out");
  const format = formatOf(context, out !== undefined);
  const chunks =
    format === "raw"
      ? rawChunks(value)
      : [`${format === "json" ? valueJson(value) : valueText(value, context.terminal.out.paint.isColorSupported)}\n`];
  if (out !== undefined) {
    const path = outputPath("--out", out, context.cwd);
    await pipeline(Readable.from(chunks), createWriteStream(path));
    return printNote(context, `written to ${path}`);
  }
  for await (const chunk of chunks) await context.terminal.out.writeWhole(chunk);
}

/** A file is written as it is, whatever it is for. */
function formatOf(context: Context, toFile: boolean): Format {
  const asked = context.options.text("format");
  if (asked === "raw" || asked === "json" || asked === "text") return asked;
  if (wantsJson(context)) return "json";
  return toFile ? "raw" : "text";
}

function rawChunks(value: unknown): AsyncIterable<Uint8Array> | readonly (string | Uint8Array)[] {
  if (isFile(value)) return value.stream();
  if (typeof value === "string") return [value];
  if (value instanceof ArrayBuffer) return [new Uint8Array(value)];
  if (ArrayBuffer.isView(value)) return [new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  return [`${valueJson(value)}\n`];
}
