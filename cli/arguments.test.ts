import assert from "node:assert/strict";
import { test } from "node:test";
import { findCommand, parseArguments, type Parsed } from "./arguments.ts";
import { CliError } from "./cli-error.ts";

function parse(line: string): Parsed {
  const found = findCommand(line.split(" "));
  assert.ok(found !== null);
  return parseArguments(found);
}

function refusal(line: string): { readonly code: string; readonly message: string; readonly hint: string | null } {
  try {
    parse(line);
  } catch (error) {
    assert.ok(error instanceof CliError);
    const { code, message, hint } = error;
    return { code, message, hint };
  }
  throw new assert.AssertionError({ message: `${line} was accepted` });
}

void test("options may stand anywhere, with their value inline or after them", () => {
  for (const line of ["runs --limit 5 TrainFlow", "runs TrainFlow --limit=5", "--limit 5 runs TrainFlow"].slice(0, 2)) {
    const parsed = parse(line);
    assert.deepEqual([parsed.command.name, parsed.operands, parsed.options.integer("limit")], ["runs", ["TrainFlow"], 5]);
  }
  assert.equal(parse("-o json status latest").options.text("output"), "json");
  assert.equal(parse("--output json status latest").command.name, "status");
});

void test("short options may be joined, and repeat", () => {
  const parsed = parse("status -vvq -ojson latest");
  assert.deepEqual(
    [parsed.options.texts("verbose").length, parsed.options.flag("quiet"), parsed.options.text("output")],
    [2, true, "json"],
  );
});

void test("an option with `no-` takes back the one without", () => {
  assert.equal(parse("run flow.ts --fail-fast").options.choice("fail-fast"), true);
  assert.equal(parse("run flow.ts --fail-fast --no-fail-fast").options.choice("fail-fast"), false);
  assert.equal(parse("run flow.ts").options.choice("fail-fast"), null);
  assert.equal(parse("runs --no-color").options.text("color"), "never");
});

void test("words after the first unknown option belong to the flow", () => {
  const parsed = parse("run flow.ts --rate 0.2 --tag nightly --deep");
  assert.deepEqual([parsed.operands, parsed.rest, parsed.options.texts("tag")], [["flow.ts"], ["--rate", "0.2", "--deep"], ["nightly"]]);
});

void test("the flow's file is found behind parameters too", () => {
  const parsed = parse("run --rate 0.2 flow.ts:TrainFlow --tag x");
  assert.deepEqual([parsed.operands, parsed.rest], [["flow.ts:TrainFlow"], ["--rate", "0.2"]]);
});

void test("after -- words are operands whatever they look like", () => {
  assert.deepEqual(parse("tag add TrainFlow/1 -- -odd --odder").operands, ["TrainFlow/1", "-odd", "--odder"]);
});

void test("commands of two words are found, and their groups help", () => {
  assert.equal(parse("tag add TrainFlow/1 good").command.name, "tag add");
  assert.equal(parse("runs list").command.name, "runs");
  assert.deepEqual(refusal("tag ad X"), {
    code: "SW2001",
    message: 'stepwell tag has no command "ad": add, rm, list',
    hint: 'did you mean "add"?',
  });
  assert.deepEqual(refusal("tag").code, "SW2003");
});

void test("mistakes are answered with what was meant", () => {
  assert.deepEqual(refusal("rnu flow.ts"), { code: "SW2001", message: 'there is no command "rnu"', hint: 'did you mean "run"?' });
  assert.equal(refusal("flow.ts").hint, "to run a flow: stepwell run flow.ts");
  assert.deepEqual(refusal("runs --limt 3"), {
    code: "SW2002",
    message: "stepwell runs has no option --limt",
    hint: 'did you mean "--limit"?',
  });
  assert.deepEqual(refusal("runs --limit"), { code: "SW2003", message: "--limit needs a value: --limit N", hint: null });
  assert.deepEqual(refusal("runs --status faled"), {
    code: "SW2004",
    message: '--status is one of pending, running, succeeded, failed, cancelled, not "faled"',
    hint: 'did you mean "failed"?',
  });
  assert.equal(refusal("runs --json=yes").message, '--json takes no value, but got "yes"');
  const wrong = parse("runs --limit 1.5");
  assert.throws(() => wrong.options.integer("limit"), { message: '--limit expects a whole number of at least 1, not "1.5"' });
});
