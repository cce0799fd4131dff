// The text of docs/errors.md, made from the tables of error codes and of failures, and from the examples of the check.

import { readFileSync } from "node:fs";
import { errorCodes, type ErrorKind } from "../cli/cli-error.ts";
import { failureRules, type FailureKind, type FailureRule } from "../proto/failure.ts";
import { problemCodes } from "../sdk/graph/problem-codes.ts";

type Told = { readonly cause: string; readonly remedy: string };

const told: Readonly<Record<ErrorKind, Told>> = {
  unknownCommand: { cause: "there is no such command", remedy: "take the one that the hint names, or see `stepwell --help`" },
  unknownOption: {
    cause: "the command has no such option, and the flow no such parameter",
    remedy: "see `stepwell COMMAND --help`; for a flow's parameters `stepwell show FILE`",
  },
  missing: { cause: "a word or a value is missing", remedy: "the hint shows a complete line" },
  badValue: { cause: "an option or a name has a value that it cannot have", remedy: "the message says what is expected" },
  unexpected: { cause: "there is a word too many", remedy: "leave it out, or put words with spaces into quotes" },
  badConfig: {
    cause: "a settings file or a `STEPWELL_*` variable holds what no setting can be",
    remedy: "correct it where the message says; `stepwell config show --origin` shows where each setting comes from",
  },
  badFile: {
    cause: "a file that was named is not there, or is no such file",
    remedy: "correct the path; a relative one starts from the current folder",
  },
  badParameters: {
    cause: "the flow's parameters are missing or refused",
    remedy: "give each as the message says: `--NAME VALUE`, `--params FILE` or `STEPWELL_PARAM_NAME`",
  },
  flowRefused: {
    cause: "the check found errors in the flow, so nothing ran",
    remedy: "correct each error above it; their codes are listed below",
  },
  notFound: { cause: "there is no such run, step, task or artifact", remedy: "the hint names what there is; `stepwell runs` lists runs" },
  internal: { cause: "a defect of Stepwell", remedy: "report it with the lines that follow the message" },
  unauthorized: {
    cause: "the coordinator does not know who asks, or its token does not allow this",
    remedy: "give a token that does: STEPWELL_TOKEN, or `tokenFile` of a profile; the message says what is missing",
  },
  unavailable: {
    cause: "the coordinator, or the process that drives the run, cannot be asked",
    remedy:
      "see that it runs and that its address is right; if a local process hangs, end it and go on with `stepwell resume --in-place RUN`",
  },
  store: {
    cause: "the ledger or the artifact store cannot be read or written: a full disk, missing rights, or damage",
    remedy:
      "free space, give the rights, or bring the folder back from a backup, as the message says; nothing that was accepted is lost by a full disk",
  },
  abandoned: {
    cause: "the process that drove the run is gone, so following the run would never end",
    remedy: "go on with `stepwell resume --in-place RUN`",
  },
  conflict: {
    cause: "what was asked for is not possible in this state: the run has ended, still runs, or the file exists",
    remedy: "the message names the state",
  },
  timeout: { cause: "the time given by `--timeout` was over", remedy: "give more, or none" },
};

const head = `# Errors

<!-- Made by \`node scripts/write-error-reference.ts\` from the tables in the code. A test compares. -->

Every error has a code that never changes its meaning. On a terminal it reads \`error[SW2004]: message\`, then where, and a hint. With \`--json\` it is one document on stdout: \`{"error":{"code","message","hint","location","details"}}\`.
`;

const flowHead = `## Errors of flows

Found by \`stepwell check\`, and before every run. Each has an example with its message; the hint at its end is the remedy. Warnings don't keep a flow from running.
`;

const failureHead = `## Failures of tasks

Why an attempt of a task did not succeed: \`failure.kind\` in JSON. \`@retry\` applies to those that count as the step's own; those of the machinery are tried again on an account of their own.
`;

export function errorReference(): string {
  return [head, "## Errors of the command line\n", commandTable(), flowHead, ...flowSections(), failureHead, failureTable()].join("\n");
}

function commandTable(): string {
  const rows = Object.entries(errorCodes).map(([kind, { code, exit }]) => {
    const { cause, remedy } = told[kind as ErrorKind];
    return [code, String(exit), cause, remedy];
  });
  rows.push(["SW2010", "2", "this Node is too old", "install the one that the message names, or a later one"]);
  return table(
    ["code", "exit", "cause", "what to do"],
    rows.sort(([a = ""], [b = ""]) => a.localeCompare(b)),
  );
}

function flowSections(): readonly string[] {
  const examples = readExamples();
  return Object.entries(problemCodes).map(([code, { rule, severity }]) => {
    const example = examples.get(code);
    const title = `### ${code}${severity === "warning" ? " (warning)" : ""}\n\nThe rule: ${rule}.\n`;
    return example === undefined ? title : `${title}\n\`\`\`text\n${example}\n\`\`\`\n`;
  });
}

/** The first message of each code. */
function readExamples(): ReadonlyMap<string, string> {
  const text = readFileSync(new URL("../sdk/graph/problems.golden.txt", import.meta.url), "utf8");
  const found = new Map<string, string>();
  for (const section of text.split(/^=== /m).slice(1)) {
    const output = section.slice(section.indexOf("\n---\n") + 5);
    for (const message of output.split(/^(?=(?:error|warning)\[)/m)) {
      const code = /\[(SW\d+)\]/.exec(message)?.[1];
      if (code !== undefined && section.startsWith(code) && !found.has(code)) found.set(code, message.trimEnd());
    }
  }
  return found;
}

function failureTable(): string {
  return table(
    ["kind", "tried again", "@catchError", "what to do"],
    Object.entries(failureRules).map(([kind, rule]) => [
      `\`${kind as FailureKind}\``,
      retryText(rule),
      rule.catchable ? "yes" : "no",
      rule.advice,
    ]),
  );
}

function retryText({ retry }: FailureRule): string {
  return { user: "by @retry", infrastructure: "by itself", nobody: "by itself", never: "no" }[retry];
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [columns, columns.map(() => "---"), ...rows].map(
    (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`,
  );
  return `${lines.join("\n")}\n`;
}
