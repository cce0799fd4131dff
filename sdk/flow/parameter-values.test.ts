// Where parameter values come from, what they are converted to, and what is said about wrong ones.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { definitionOf } from "./definition.ts";
import { FlowSpec } from "./flow-spec.ts";
import { parameter } from "./parameter.ts";
import { type ParameterSources, resolveParameters, type ResolvedParameters } from "./parameter-values.ts";

const directory = mkdtempSync(join(tmpdir(), "parameters-"));
writeFileSync(join(directory, "data.csv"), "a,b\n1,é\n");
after(() => rmSync(directory, { recursive: true }));

class Flow extends FlowSpec {
  rate = parameter.number({ default: 0.1 });
  maxDepth = parameter.integer({ default: ({ flow, parameter, user }) => Promise.resolve(`${flow}${parameter}${user}`.length) });
  kind = parameter.string({ choices: ["a", "b"], default: "a" });
  verbose = parameter.boolean({ default: false });
  settings = parameter.json({ default: { depth: 3 } });
  data = parameter.file({ default: "data.csv" });
  blob = parameter.file({ as: "bytes" });
  optional = parameter.string();
}

class Needy extends FlowSpec {
  level = parameter.integer({ required: true, help: "how deep", validate: (value) => value < 10 || "must be below 10" });
  token = parameter.string({ required: true, secret: true, validate: (value) => value.length > 3 });
}

function resolve(sources: ParameterSources, flow: new () => FlowSpec = Flow): Promise<ResolvedParameters> {
  return resolveParameters(definitionOf(flow).parameters, sources, { flow: "Flow", user: "ann", directory });
}

async function values(sources: ParameterSources): Promise<Record<string, unknown>> {
  const resolved = await resolve(sources);
  assert.ok(resolved.ok, JSON.stringify(resolved));
  return Object.fromEntries(resolved.values);
}

async function problems(sources: ParameterSources, flow?: new () => FlowSpec): Promise<string[]> {
  const resolved = await resolve(sources, flow);
  assert.ok(!resolved.ok);
  return resolved.problems.map((problem) => `${problem.message}; ${problem.hint}`);
}

test("without any source the defaults count, computed ones included, and files are read", async () => {
  assert.deepEqual(await values({}), {
    rate: 0.1,
    maxDepth: "FlowmaxDepthann".length,
    kind: "a",
    verbose: false,
    settings: { depth: 3 },
    data: "a,b\n1,é\n",
    blob: undefined,
    optional: undefined,
  });
});

test("texts become values of the parameter's kind", async () => {
  const commandLine = { rate: "1e-3", maxDepth: "7", kind: "b", verbose: "yes", settings: '{"depth":[4]}', blob: "data.csv", optional: "" };
  assert.deepEqual(await values({ commandLine }), {
    rate: 0.001,
    maxDepth: 7,
    kind: "b",
    verbose: true,
    settings: { depth: [4] },
    data: "a,b\n1,é\n",
    blob: new Uint8Array(Buffer.from("a,b\n1,é\n")),
    optional: "",
  });
});

test("the command line wins over values, values over the environment, the environment over the default", async () => {
  const resolved = await resolve({
    commandLine: { rate: "1" },
    values: { rate: 2, kind: "b" },
    environment: { STEPWELL_PARAM_RATE: "3", STEPWELL_PARAM_KIND: "a", STEPWELL_PARAM_MAX_DEPTH: "4", OTHER: "5" },
  });
  assert.ok(resolved.ok);
  assert.deepEqual([resolved.values.get("rate"), resolved.values.get("kind"), resolved.values.get("maxDepth")], [1, "b", 4]);
  assert.deepEqual(Object.fromEntries(resolved.origins), {
    rate: "commandLine",
    maxDepth: "environment",
    kind: "values",
    verbose: "default",
    settings: "default",
    data: "default",
    blob: "none",
    optional: "none",
  });
});

test("--max-depth and --maxDepth are the same option", async () => {
  assert.equal((await values({ commandLine: { "max-depth": "9" } }))["maxDepth"], 9);
});

test("all problems are told at once, with the name that was meant", async () => {
  const found = await problems({
    commandLine: { raet: "1", maxDepth: "1.5", verbose: "maybe", settings: "{", data: "missing.csv" },
    values: { kind: "c", speed: 3 },
    environment: { STEPWELL_PARAM_OPTIONALL: "x" },
  });
  assert.deepEqual(
    found.toSorted(),
    [
      "--raet is no parameter of the flow; did you mean rate?",
      "STEPWELL_PARAM_OPTIONALL is no parameter of the flow; did you mean optional?",
      '"speed" is no parameter of the flow; the flow\'s parameters are rate, maxDepth, kind, verbose, settings, data, blob, optional',
      'parameter maxDepth: expected a whole number, got "1.5"; it takes a whole number',
      'parameter verbose: expected true or false, got "maybe"; it takes true or false',
      'parameter kind: expected one of "a", "b", got "c"; choose one of "a", "b"',
      `parameter settings: expected JSON, got "{": Expected property name or '}' in JSON at position 1 (line 1 column 2); it takes JSON`,
      `parameter data: file "missing.csv" cannot be read: ENOENT: no such file or directory, open '${directory}/missing.csv'; it takes the path of a file`,
    ].toSorted(),
  );
});

test("values from code are checked like texts", async () => {
  assert.deepEqual(await problems({ values: { rate: Number.NaN, maxDepth: 2 ** 60, settings: { when: new Date(0) }, verbose: 1 } }), [
    "parameter rate: expected a number, got NaN; it takes a number",
    "parameter maxDepth: expected a whole number, got 1152921504606847000; it takes a whole number",
    "parameter verbose: expected true or false, got 1; it takes true or false",
    "parameter settings: expected JSON, but its .when is a Date; it takes JSON",
  ]);
});

test("a required parameter must be given, and the author's own check counts", async () => {
  assert.deepEqual(await problems({}, Needy), [
    "parameter level: it needs a value and has none; give --level VALUE, or set STEPWELL_PARAM_LEVEL",
    "parameter token: it needs a value and has none; set STEPWELL_PARAM_TOKEN",
  ]);
  assert.deepEqual(await problems({ commandLine: { level: "11", token: "long enough" } }, Needy), [
    "parameter level: must be below 10; it takes a whole number: how deep",
  ]);
});

test("what is inherited has no value here, and counts before a default but after whatever is given", async () => {
  const inherited = ["level", "token"];
  const resolved = await resolve({ inherited, environment: { STEPWELL_PARAM_TOKEN: "given anew" } }, Needy);
  assert.ok(resolved.ok);
  assert.deepEqual([...resolved.values], [["token", "given anew"]]);
  assert.deepEqual(
    [...resolved.origins],
    [
      ["level", "inherited"],
      ["token", "environment"],
    ],
  );
  const { rate, ...others } = await values({ inherited: [] });
  assert.deepEqual(await values({ inherited: ["rate"] }), others);
  assert.equal(rate, 0.1);
});

test("a secret's value is in no message", async () => {
  const [message] = await problems({ commandLine: { level: "1", token: "abc" } }, Needy);
  assert.equal(message, "parameter token: the value that was given is not valid (it is secret and not shown); it takes a text");
});
