// From the options that a step's decorators recorded to its policy, and to the problems with them. Whoever wrote the
// options may not have had the compiler's help, so nothing about their types is taken for granted.

import { failureRules, type FailureKind } from "../../proto/failure.ts";
import { defaultPolicy, type RetryPolicy, type StepPolicy, type StepResources } from "../../proto/graph.ts";
import { readBatch } from "./batch-policy.ts";
import { memoryMiBMax, type Objection, OptionReader, readSizes } from "./option-reader.ts";
import { objectionTo } from "./reserved.ts";
import type { RecordedDecorator } from "./record.ts";

/** Limits of decorator options. */
export const retriesMax = 1000;
export const waitMinutesMax = 7 * 24 * 60;
export const timeoutSecondsMax = 20 * 24 * 3600;
export const labelsMax = 16;
export const concurrencyMaxMax = 1_000_000;

export type PolicyWithProblems = { readonly policy: StepPolicy; readonly problems: readonly Objection[] };

/** `decorators` as recorded. The first of several of a kind counts. */
export function policyOf(decorators: readonly RecordedDecorator[]): PolicyWithProblems {
  const problems: Objection[] = [];
  const optionsOf = (name: string): OptionReader | null => {
    const all = decorators.filter((decorator) => decorator.name === name);
    const [first] = all;
    if (all.length > 1) problems.push({ decorator: name, message: `@${name} stands ${all.length} times`, hint: "keep one of them" });
    return first === undefined ? null : new OptionReader(name, first.options, problems);
  };
  const resources = readStepResources(optionsOf("resources"));
  const concurrencyMax = readConcurrency(optionsOf("concurrency"));
  const retry = readRetry(optionsOf("retry"));
  const caught = readCatch(optionsOf("catchError"));
  const timeoutSeconds = readTimeout(optionsOf("timeout"));
  const policy: StepPolicy = {
    retry,
    catch: caught,
    timeoutSeconds,
    resources,
    batch: readBatch(optionsOf("batch"), { resources, timeoutSeconds }),
    environment: readEnvironment(optionsOf("environment")),
    isolated: optionsOf("isolated") !== null,
    ...(concurrencyMax !== null && { concurrencyMax }),
  };
  return { policy, problems };
}

function readRetry(reader: OptionReader | null): RetryPolicy | null {
  if (reader === null) return null;
  reader.refuseOthers(["times", "minutesBetween", "backoff", "maxMinutes", "on"]);
  return {
    times: reader.number("times", 3, { min: 0, max: retriesMax, whole: true }),
    minutesBetween: reader.number("minutesBetween", 0, { min: 0, max: waitMinutesMax }),
    backoff: reader.number("backoff", 2, { min: 1, max: 100 }),
    maxMinutes: reader.number("maxMinutes", 60, { min: 0, max: waitMinutesMax }),
    on: readKinds(reader),
  };
}

function readKinds(reader: OptionReader): readonly FailureKind[] | null {
  const { on } = reader.options;
  if (on === undefined) return null;
  const retryable = Object.keys(failureRules).filter((kind) => !["never", "nobody"].includes(failureRules[kind as FailureKind].retry));
  if (Array.isArray(on) && on.length > 0 && on.every((kind) => retryable.includes(kind))) return on;
  reader.object(`on is ${JSON.stringify(on)}`, `give a list of these: ${retryable.join(", ")}`);
  return null;
}

function readCatch(reader: OptionReader | null): StepPolicy["catch"] {
  if (reader === null) return null;
  reader.refuseOthers(["var", "print"]);
  const { print } = reader.options;
  if (print !== undefined && typeof print !== "boolean") reader.object(`print is ${JSON.stringify(print)}`, "give true or false");
  const name = reader.text("var");
  const objection = name === null ? null : objectionTo(name);
  if (objection !== null) reader.object(`var: ${objection}`, "choose the name of an artifact that the flow declares");
  return { var: objection === null ? name : null, print: print !== false };
}

function readTimeout(reader: OptionReader | null): number | null {
  if (reader === null) return null;
  reader.refuseOthers(["seconds", "minutes", "hours"]);
  const part = (name: string, secondsEach: number): number =>
    reader.number(name, 0, { min: 0, max: timeoutSecondsMax / secondsEach }) * secondsEach;
  const seconds = part("seconds", 1) + part("minutes", 60) + part("hours", 3600);
  if (seconds > 0 && seconds <= timeoutSecondsMax) return seconds;
  const given = Object.values(reader.options).some((value) => value !== undefined && value !== 0);
  if (seconds > timeoutSecondsMax) reader.object(`${seconds} seconds is too long`, `give at most ${timeoutSecondsMax} seconds`);
  if (!given) reader.object("no duration", "give seconds, minutes or hours");
  return null;
}

function readStepResources(reader: OptionReader | null): StepResources {
  if (reader === null) return defaultPolicy.resources;
  reader.refuseOthers(["cpu", "memory", "memoryMax", "gpu", "labels", "pool"]);
  const labels = readLabels(reader);
  const pool = readPool(reader);
  const sizes = readSizes(reader, defaultPolicy.resources);
  const memoryMaxMiB = readMemoryMax(reader, sizes.memoryMiB);
  return {
    ...sizes,
    ...(memoryMaxMiB !== null && { memoryMaxMiB }),
    ...(labels !== null && { labels }),
    ...(pool !== null && { pool }),
  };
}

function readMemoryMax(reader: OptionReader, memoryMiB: number | null): number | null {
  const maxMiB = reader.number("memoryMax", null, { min: 16, max: memoryMiBMax, whole: true });
  if (maxMiB === null) return null;
  if (memoryMiB === null) reader.object("memoryMax without memory", "give memory too: what the first attempt may hold");
  else if (maxMiB < memoryMiB) reader.object(`memoryMax is ${maxMiB}, less than memory`, `give at least ${memoryMiB}, or leave it out`);
  else return maxMiB;
  return null;
}

/** A queue may be named after a pool, so that a pool's name is plainer than a label. */
const poolName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const labelText = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/;

function readPool(reader: OptionReader): string | null {
  const { pool } = reader.options;
  if (pool === undefined) return null;
  if (typeof pool === "string" && poolName.test(pool)) return pool;
  reader.object(`pool is ${JSON.stringify(pool)}`, "give 1 to 63 letters, digits and _ -, the first a letter or a digit");
  return null;
}

function readLabels(reader: OptionReader): Readonly<Record<string, string>> | null {
  const { labels } = reader.options;
  if (labels === undefined) return null;
  if (typeof labels !== "object" || labels === null || Array.isArray(labels)) {
    reader.object(`labels is ${JSON.stringify(labels)}`, 'give labels: { name: "value" }');
    return null;
  }
  const entries = Object.entries(labels);
  const wrong = entries.find(([name, value]) => !labelText.test(name) || typeof value !== "string" || !labelText.test(value));
  if (wrong !== undefined)
    reader.object(
      `label ${wrong[0]} is ${JSON.stringify(wrong[1])}`,
      "name and value are 1 to 63 letters, digits and . _ / -, the first a letter or a digit",
    );
  if (entries.length > labelsMax) reader.object(`${entries.length} labels`, `give at most ${labelsMax}`);
  return wrong === undefined && entries.length > 0 && entries.length <= labelsMax ? Object.fromEntries(entries) : null;
}

function readConcurrency(reader: OptionReader | null): number | null {
  if (reader === null) return null;
  reader.refuseOthers(["max"]);
  if (reader.options["max"] === undefined) {
    reader.object("no maximum", "give max: 4, or what else may run at the same time");
    return null;
  }
  const max = reader.number("max", 0, { min: 1, max: concurrencyMaxMax, whole: true });
  return max === 0 ? null : max;
}

/** What the decorators of a flow's class ask for, in the order of the source. */
export function flowPolicyOf(decorators: readonly RecordedDecorator[]): {
  readonly concurrencyMax: number | null;
  readonly problems: readonly Objection[];
} {
  const problems: Objection[] = [];
  const [first] = decorators;
  if (decorators.length > 1) {
    problems.push({ decorator: "concurrency", message: `@concurrency stands ${decorators.length} times`, hint: "keep one of them" });
  }
  const concurrencyMax = first === undefined ? null : readConcurrency(new OptionReader(first.name, first.options, problems));
  return { concurrencyMax, problems };
}

function readEnvironment(reader: OptionReader | null): Readonly<Record<string, string>> {
  if (reader === null) return {};
  reader.refuseOthers(["vars"]);
  const { vars } = reader.options;
  if (typeof vars !== "object" || vars === null) {
    reader.object("no variables", 'give vars: { NAME: "value" }');
    return {};
  }
  const entries = Object.entries(vars);
  const wrong = entries.find(
    ([name, value]) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || typeof value !== "string" || value.includes("\0"),
  );
  if (wrong !== undefined) {
    reader.object(`${wrong[0]} is ${JSON.stringify(wrong[1])}`, "names are letters, digits and _; values are texts");
  }
  return wrong === undefined ? Object.fromEntries(entries) : {};
}
