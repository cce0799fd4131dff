// What `@batch` asks for: its own options, those of `@resources`, and whether any container of Batch could hold it.

import { batchSlotsMax, containerFor, fargateLifetimeSecondsMax } from "../../proto/container.ts";
import type { BatchOptions, BatchPlacement, BatchPlatform, Resources, StepResources } from "../../proto/graph.ts";
import { ec2Options, shapeOf } from "../../proto/shape.ts";
import { memoryMiBMax, type OptionReader, readSizes } from "./option-reader.ts";

/** Limits of Batch itself; a few tags are ours. */
export const batchTagsMax = 40;
export const tmpfsMax = 16;

/** What AWS Batch is asked for where the author asks for nothing. */
const defaults: Resources = { cpu: 1, memoryMiB: 4096, gpu: 0 };

const sizeOptions = ["cpu", "memory", "gpu", "slots"];
const placeOptions = ["queue", "image", "jobRole", "executionRole", "platform"];
const containerOptions = ["sharedMemory", "tmpfs", "maxSwap", "swappiness", "ephemeralStorage", "env", "tags"];
/** In the order in which they are named to people. */
export const batchOptions: readonly string[] = [...sizeOptions, ...placeOptions, ...containerOptions];

/** What else the step has that decides where it can run. */
type Beside = { readonly resources: StepResources; readonly timeoutSeconds: number | null };

/** The larger of what `@resources` and `@batch` ask for, each. */
export function readBatch(reader: OptionReader | null, beside: Beside): BatchPlacement | null {
  if (reader === null) return null;
  reader.refuseOthers(batchOptions);
  const { resources } = beside;
  const own = readSizes(reader, { cpu: null, memoryMiB: null, gpu: 0 });
  const placement = {
    cpu: larger(own.cpu, resources.cpu) ?? defaults.cpu,
    memoryMiB: larger(own.memoryMiB, resources.memoryMiB) ?? defaults.memoryMiB,
    gpu: Math.max(own.gpu, resources.gpu),
    queue: reader.text("queue"),
    image: reader.text("image"),
    options: readOptions(reader),
  };
  if (holdsTogether(reader, placement)) objectToImpossible(reader, placement, beside);
  return placement;
}

function larger(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

function readOptions(reader: OptionReader): BatchOptions {
  const read = {
    jobRole: reader.text("jobRole"),
    executionRole: reader.text("executionRole"),
    platform: readPlatform(reader),
    slots: reader.number("slots", null, { min: 1, max: batchSlotsMax, whole: true }),
    sharedMemory: reader.number("sharedMemory", null, { min: 1, max: memoryMiBMax, whole: true }),
    tmpfs: readTmpfs(reader),
    maxSwap: reader.number("maxSwap", null, { min: 0, max: memoryMiBMax, whole: true }),
    swappiness: reader.number("swappiness", null, { min: 0, max: 100, whole: true }),
    ephemeralStorage: reader.number("ephemeralStorage", null, { min: 21, max: 200, whole: true }),
    env: readVariables(reader),
    tags: readTags(reader),
  };
  return withoutNull(read);
}

type WithoutNull<T> = { [K in keyof T]?: Exclude<T[K], null> };

function withoutNull<T extends object>(fields: T): WithoutNull<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as WithoutNull<T>;
}

function readPlatform(reader: OptionReader): BatchPlatform | null {
  const { platform } = reader.options;
  if (platform === undefined) return null;
  if (platform === "fargate" || platform === "ec2") return platform;
  reader.object(`platform is ${JSON.stringify(platform)}`, 'give "fargate" or "ec2", or leave it out');
  return null;
}

function readTmpfs(reader: OptionReader): Readonly<Record<string, number>> | null {
  const fits = (path: string, mib: unknown): boolean =>
    /^\/[^\0:]+$/.test(path) && typeof mib === "number" && Number.isInteger(mib) && mib >= 1 && mib <= memoryMiBMax;
  const hint = 'give tmpfs: { "/scratch": 512 }: an absolute path, and a whole number of MiB';
  return readRecord<number>(reader, "tmpfs", { fits, hint, max: tmpfsMax });
}

function readVariables(reader: OptionReader): Readonly<Record<string, string>> | null {
  const fits = (name: string, value: unknown): boolean =>
    /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/^(?:AWS_BATCH|STEPWELL_)/.test(name) && typeof value === "string" && !value.includes("\0");
  const hint = "names are letters, digits and _, and begin neither with AWS_BATCH nor with STEPWELL_; values are texts";
  return readRecord<string>(reader, "env", { fits, hint, max: Number.POSITIVE_INFINITY });
}

function readTags(reader: OptionReader): Readonly<Record<string, string>> | null {
  const fits = (name: string, value: unknown): boolean =>
    /^(?!aws:|stepwell:)[\p{L}\p{N}\p{Zs}_.:/=+@-]{1,128}$/iu.test(name) &&
    typeof value === "string" &&
    /^[\p{L}\p{N}\p{Zs}_.:/=+@-]{0,256}$/u.test(value);
  const hint = "names have up to 128 letters, digits and _ . : / = + - @, and begin neither with aws: nor with stepwell:; values up to 256";
  return readRecord<string>(reader, "tags", { fits, hint, max: batchTagsMax });
}

type RecordRule = { readonly fits: (name: string, value: unknown) => boolean; readonly hint: string; readonly max: number };

function readRecord<T>(reader: OptionReader, option: string, rule: RecordRule): Readonly<Record<string, T>> | null {
  const value = reader.options[option];
  if (value === undefined) return null;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    reader.object(`${option} is ${JSON.stringify(value)}`, rule.hint);
    return null;
  }
  const entries: [string, unknown][] = Object.entries(value);
  const wrong = entries.find(([name, each]) => !rule.fits(name, each));
  if (wrong !== undefined) reader.object(`${option}: ${wrong[0]} is ${JSON.stringify(wrong[1])}`, rule.hint);
  if (entries.length > rule.max) reader.object(`${entries.length} ${option}`, `give at most ${rule.max}`);
  return wrong === undefined && entries.length <= rule.max ? (Object.fromEntries(entries) as Record<string, T>) : null;
}

/** Whether no two options exclude each other. */
function holdsTogether(reader: OptionReader, { gpu, options }: BatchPlacement): boolean {
  const ec2Only = ec2Options.filter((name) => options[name] !== undefined);
  const needsEc2 = gpu > 0 ? ["gpu", ...ec2Only] : ec2Only;
  const [first] = needsEc2;
  if (first !== undefined && options.platform === "fargate") {
    reader.object(`Fargate has no ${first}`, `leave ${first} out, or give platform: "ec2"`);
    return false;
  }
  if (options.ephemeralStorage === undefined) return true;
  if (options.platform !== "ec2" && first === undefined) return true;
  const why = first === undefined ? 'platform: "ec2"' : `${first}, which Fargate lacks,`;
  reader.object(`ephemeralStorage is for Fargate alone, but there is ${why} too`, "leave one of them out");
  return false;
}

/** A container with more memory may be needed after an attempt that ran out. */
function objectToImpossible(reader: OptionReader, placement: BatchPlacement, { resources, timeoutSeconds }: Beside): void {
  const memoryMiB = Math.max(placement.memoryMiB, resources.memoryMaxMiB ?? 0);
  const shape = shapeOf(placement, { memoryMiB, capacity: "onDemand" });
  const fitting = containerFor(shape, "fargate");
  if (fitting.kind === "impossible") return reader.object(fitting.message, fitting.hint);
  if (shape.platform !== "fargate" || (timeoutSeconds ?? 0) <= fargateLifetimeSecondsMax) return;
  const hint = `give @timeout at most ${fargateLifetimeSecondsMax / 3600} hours, or platform: "ec2"`;
  reader.object(`no task on Fargate lives as long as @timeout allows, ${timeoutSeconds} seconds`, hint);
}
