// What a flow class says about itself, and what is said about it when its author got something wrong.

import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPolicy } from "../../proto/graph.ts";
import { loadFlow } from "../../test/flow-fixture.ts";
import { definitionOf, type FlowDefinition } from "./definition.ts";

const flows = await loadFlow(`${import.meta.dirname}/../../test/flows/definitions.flow.ts`);

function define(name: string): FlowDefinition {
  const flowClass = flows[name];
  assert.ok(flowClass);
  return definitionOf(flowClass);
}

function policyOf(definition: FlowDefinition, step: string) {
  return definition.steps.find((other) => other.name === step)?.policy;
}

test("the steps come in the order of the source, with their text and the class that holds them", () => {
  const { name, steps, problems } = define("RichFlow");
  assert.deepEqual([name, problems], ["RichFlow", []]);
  assert.deepEqual(
    steps.map((step) => [step.name, step.declaredBy]),
    [
      ["start", "RichFlow"],
      ["train", "RichFlow"],
      ["end", "RichFlow"],
    ],
  );
  assert.equal(steps[2]?.source, "end() {\n  }");
  assert.match(steps[1]?.source ?? "", /^train\(\) \{\s+return this\.next\(this\.end\);\s+\}$/);
  assert.deepEqual(steps[1]?.decorators, ["catchError", "timeout", "batch", "resources", "environment", "retry", "isolated"]);
});

test("decorators become the step's policy; a step without them has the default", () => {
  const definition = define("RichFlow");
  assert.deepEqual(policyOf(definition, "start"), defaultPolicy);
  assert.deepEqual(policyOf(definition, "train"), {
    retry: { times: 5, minutesBetween: 0.5, backoff: 2, maxMinutes: 60, on: null },
    catch: { var: "trainError", print: false },
    timeoutSeconds: 90,
    resources: { cpu: 4, memoryMiB: null, gpu: 1 },
    batch: { cpu: 4, memoryMiB: 500, gpu: 1, queue: "spot", image: null, options: { sharedMemory: 64 } },
    environment: { LEVEL: "debug" },
    isolated: true,
  });
});

test("a subclass adds and overrides steps, and leaves its base as it was", () => {
  const child = define("RicherFlow");
  assert.deepEqual(
    child.steps.map((step) => `${step.declaredBy}.${step.name}`),
    ["RichFlow.start", "RicherFlow.train", "RichFlow.end", "RicherFlow.more"],
  );
  assert.match(child.steps[1]?.source ?? "", /this\.more/);
  assert.deepEqual(policyOf(child, "train"), {
    ...defaultPolicy,
    retry: { times: 3, minutesBetween: 0, backoff: 2, maxMinutes: 60, on: null },
  });
  assert.equal(policyOf(define("RichFlow"), "train")?.retry?.times, 5);
  assert.equal(define("RichFlow").steps.length, 3);
});

test("a step overridden without @step is told, since its policy would be that of another method", () => {
  assert.deepEqual(define("ForgetfulFlow").problems, [
    {
      step: "train",
      message: "step train was replaced after @step had recorded it, in ForgetfulFlow",
      hint: "where a subclass overrides a step, decorate it with @step again; other decorators must not replace the method",
    },
  ]);
});

test("fields with declarations are parameters, fields with other values constants, fields without values nothing", () => {
  const { parameters, constants } = define("RichFlow");
  assert.deepEqual(constants, { colours: ["red"], epochs: 10 });
  assert.deepEqual(
    parameters.map((parameter) => parameter.spec),
    [
      { name: "rate", kind: "number", help: "learning rate", required: false, secret: false, defaultJson: "0.1", choices: null },
      { name: "depth", kind: "integer", help: "", required: false, secret: false, defaultJson: null, choices: null },
      { name: "name1", kind: "string", help: "", required: true, secret: false, defaultJson: null, choices: ["a", "b"] },
      { name: "token", kind: "string", help: "", required: false, secret: true, defaultJson: null, choices: null },
    ],
  );
  assert.equal(parameters[0]?.objection(-1), "must be above 0");
  assert.equal(parameters[0]?.objection("x"), 'expected a number, got "x"');
  assert.equal(parameters[2]?.objection("c"), 'expected one of "a", "b", got "c"');
});

test("wrong options are told one by one, each with what is right", () => {
  const problems = define("WrongFlow").problems.map(({ step, field, message, hint }) => `${step ?? field}: ${message}; ${hint}`);
  assert.deepEqual(problems, [
    "start: @retry: times is -1; give a whole number from 0 to 1000",
    "a: @retry stands 2 times; keep one of them",
    "a: @retry: times is 1.5; give a whole number from 0 to 1000",
    "a: @retry: backoff is 0.5; give a number from 1 to 100",
    "b: @timeout: no duration; give seconds, minutes or hours",
    'c: @retry: on is ["badTransition"]; give a list of these: userError, timeout, outOfMemory, signal, exit, lost, start, store',
    "c: @timeout: hours is 10000; give a number from 0 to 480",
    "d: @resources: cpu is 0; give a number from 0.01 to 4096",
    "d: @resources: memory is 1.5; give a whole number from 16 to 16777216",
    'd: @resources: gpu is "1"; give a whole number from 0 to 1024',
    "d: @batch: there is no option gpus; its options are cpu, memory, gpu, slots, queue, image, jobRole, executionRole, platform, sharedMemory, tmpfs, maxSwap, swappiness, ephemeralStorage, env, tags",
    'd: @batch: image is ""; give a text that is not empty, or leave it out',
    'd: @environment: A-B is "x"; names are letters, digits and _; values are texts',
    'f: @catchError: var: "input" is reserved: every flow has a this.input of its own; choose the name of an artifact that the flow declares',
    "noStep: noStep has @retry but is no step; add @step",
    'rate: parameter rate: its default is refused: expected a number, got "high"; change the default or what the parameter accepts',
    "choice: parameter choice: choices is empty; list the values that are allowed, or leave it out",
    'e: @catchError: var "rate" is a parameter or a constant of the flow and cannot be assigned; choose an artifact',
  ]);
});

test("a flow that cannot be constructed says why", () => {
  const [problem] = define("BrokenFlow").problems;
  assert.match(problem?.message ?? "", /^BrokenFlow cannot be constructed: Expected property name/);
});
