// Every command and option of `stepwell`, as data: this file imports types only, so that help and completion are cheap.

import { awsCommands } from "./aws-commands.ts";
import { clusterCommands } from "./cluster-commands.ts";
import type { CommandSpec, OperandSpec, OptionSpec } from "./command-spec.ts";

export const globalOptions: readonly OptionSpec[] = [
  { name: "output", short: "o", value: "FORMAT", choices: ["text", "json", "jsonl", "wide"], help: "text, json, jsonl or wide" },
  { name: "json", help: "same as -o json" },
  { name: "quiet", short: "q", help: "names only" },
  { name: "verbose", short: "v", repeatable: true, help: "more about what happens inside; repeat for more" },
  { name: "log-level", value: "LEVEL", choices: ["error", "warn", "info", "debug", "trace"], help: "same, by name (default: warn)" },
  { name: "color", value: "WHEN", choices: ["auto", "always", "never"], negatable: true, help: "auto, always or never" },
  { name: "coordinator", value: "ADDRESS", help: "work with the coordinator at host:port instead of this folder alone" },
  { name: "profile", value: "NAME", help: "use the settings of this name in a settings file" },
  { name: "local", help: "work with this folder, whatever coordinator is configured" },
  { name: "config", value: "FILE", help: "read this file instead of stepwell.config.json" },
  { name: "timeout", value: "DURATION", help: "give up after 30s, 10m, 2h (exit code 124)" },
  { name: "tz", value: "ZONE", choices: ["local", "utc"], help: "time zone of what is shown: local or utc" },
  { name: "help", short: "h", help: "show help" },
  { name: "version", short: "V", help: "show the version" },
];

const namespaceOption: OptionSpec = {
  name: "namespace",
  value: "NAME",
  help: "look there instead of at your own runs; empty means everywhere",
};
const flowFile: OperandSpec = { name: "FILE", kind: "flowFile", required: true };
const runPath: OperandSpec = { name: "RUN", kind: "run", required: true };
const anyPath: OperandSpec = { name: "PATH", kind: "path", required: true };

const watchOptions: readonly OptionSpec[] = [
  {
    name: "logs",
    value: "WHICH",
    choices: ["auto", "all", "failed", "none"],
    help: "output of tasks to show (default: all, of the first 10 tasks of a step)",
  },
];

const runningOptions: readonly OptionSpec[] = [
  { name: "max-workers", value: "N", help: "tasks at a time (default: the number of cores; in a cluster: all it has room for)" },
  { name: "max-splits", value: "N", help: "largest foreach (default: 100,000)" },
  { name: "isolation", value: "KIND", choices: ["warm", "process"], help: "process: a fresh process for every task" },
  { name: "fail-fast", negatable: true, help: "stop what runs as soon as one task has failed for good" },
  { name: "with", value: "DECORATOR", repeatable: true, help: "add to every step that lacks it, like retry:times=2" },
  { name: "tag", value: "TAG", repeatable: true, help: "tag the run" },
  { name: "priority", value: "N", help: "-100 to 100: more or fewer turns than other runs that wait (default: 0)" },
  { name: "namespace", value: "NAME", help: "what code inside the run sees (default: user:YOU)" },
  { name: "params", value: "FILE", help: "parameters from a JSON file" },
  { name: "run-id-file", value: "FILE", help: "write the run's name there before it starts" },
  ...watchOptions,
];

const detachOption: OptionSpec = { name: "detach", short: "d", help: "leave the run to the cluster, and return at once" };

const run: CommandSpec = {
  name: "run",
  summary: "run a flow, on this machine or with a cluster",
  operands: [flowFile],
  takesParameters: true,
  followsRun: true,
  options: [...runningOptions, detachOption, { name: "dry-run", help: "check and show what would run, then stop" }],
  examples: [
    ["stepwell run flow.ts", "run it; Ctrl-C cancels, twice kills"],
    ["stepwell run flow.ts --rate 0.2 --tag nightly", "set the flow's parameter `rate`"],
    ["stepwell run flow.ts --with retry:times=2", "retry every step that has no @retry"],
    ["stepwell run flow.ts --json | jq -r .run", "one JSON document when it has ended"],
  ],
  notes: [
    "The flow's parameters are options: `stepwell show FILE` lists them. They may also come from --params FILE or",
    "from STEPWELL_PARAM_NAME. A file with several flows: `flow.ts:TrainFlow`.",
  ],
};

const resume: CommandSpec = {
  name: "resume",
  summary: "run a flow again, reusing what succeeded and is unchanged",
  operands: [
    { name: "RUN", kind: "run" },
    { name: "STEP", kind: "step" },
  ],
  takesParameters: true,
  followsRun: true,
  options: [
    { name: "file", value: "FILE", help: "the flow's file (default: where the origin's was; else the origin's code)" },
    { name: "in-place", help: "go on with the same run: its failed and unfinished tasks run again" },
    { name: "rerun-caught", help: "run tasks whose failure was caught again" },
    { name: "dry-run", help: "show what would be reused and what would run, then stop" },
    detachOption,
    ...runningOptions,
  ],
  examples: [
    ["stepwell resume", "a new run from your newest one"],
    ["stepwell resume TrainFlow/17 --dry-run", "what it would reuse, and why not"],
    ["stepwell resume TrainFlow/17 train", "`train` and everything after it again"],
    ["stepwell resume TrainFlow/17 --rate 0.3", "what depends on `rate` runs again"],
    ["stepwell resume --in-place TrainFlow/17", "go on after a crash"],
  ],
};

const reading: readonly CommandSpec[] = [
  {
    name: "check",
    summary: "check a flow without running it",
    operands: [flowFile],
    options: [{ name: "strict", help: "warnings count as errors" }],
    examples: [["stepwell check flow.ts", "exit code 0 if it could run"]],
  },
  {
    name: "show",
    summary: "show a flow's steps, parameters and graph",
    operands: [flowFile],
    options: [{ name: "format", value: "FORMAT", choices: ["text", "mermaid", "dot", "json"], help: "text, mermaid, dot or json" }],
    examples: [
      ["stepwell show flow.ts", "steps, parameters and decorators"],
      ["stepwell show flow.ts --format dot | dot -Tsvg > flow.svg", "a picture"],
    ],
  },
  {
    name: "runs",
    aliases: ["runs list"],
    summary: "list runs, newest first",
    operands: [{ name: "FLOW", kind: "flow" }],
    options: [
      {
        name: "status",
        value: "STATUS",
        choices: ["pending", "running", "succeeded", "failed", "cancelled"],
        repeatable: true,
        help: "only with this status",
      },
      { name: "tag", value: "TAG", repeatable: true, help: "only with this tag" },
      { name: "user", value: "NAME", help: "only of this user" },
      namespaceOption,
      { name: "since", value: "WHEN", help: "started within 24h, or after 2026-11-24" },
      { name: "until", value: "WHEN", help: "started before" },
      { name: "limit", value: "N", help: "at most so many (default: 20)" },
      { name: "cursor", value: "CURSOR", help: "go on where a list ended" },
    ],
    examples: [
      ["stepwell runs", "your newest 20"],
      ["stepwell runs TrainFlow --status failed --since 24h", "what failed since yesterday"],
      ["stepwell runs --namespace=", "of everybody"],
    ],
  },
  {
    name: "status",
    summary: "show a run: its steps, counts, times and first failure",
    operands: [runPath],
    options: [
      { name: "watch", short: "w", help: "follow it until it ends" },
      { name: "why", help: "say for each waiting task why it waits" },
      { name: "tasks", help: "list tasks too" },
      { name: "failed", help: "list failed tasks only" },
      { name: "limit", value: "N", help: "at most so many tasks (default: 100)" },
      { name: "exit-status", help: "exit code 1 unless it succeeded" },
      namespaceOption,
    ],
    examples: [
      ["stepwell status latest", "your newest run"],
      ["stepwell status TrainFlow/17 --failed", "with its failed tasks"],
      ["stepwell status TrainFlow/17 --why", "what its tasks wait for"],
    ],
  },
  {
    name: "logs",
    summary: "show what tasks wrote",
    operands: [anyPath],
    options: [
      { name: "follow", short: "f", help: "go on until the run ends" },
      { name: "tail", value: "N", help: "the last N lines of each task" },
      { name: "since", value: "WHEN", help: "lines of the last 10m, or since a time" },
      { name: "stdout", help: "only what went to stdout" },
      { name: "stderr", help: "only what went to stderr" },
      { name: "attempt", value: "N", help: "of this attempt, counted from 0, or `all` (default: the latest)" },
      { name: "timestamps", help: "with the time of each line" },
      { name: "grep", value: "REGEXP", help: "only lines that match" },
      { name: "prefix", value: "WHEN", choices: ["auto", "always", "never"], help: "name the task in front of each line" },
      namespaceOption,
    ],
    examples: [
      ["stepwell logs TrainFlow/17/train/2", "of one task"],
      ["stepwell logs latest -f --grep loss", "of a whole run, live, filtered"],
    ],
  },
  {
    name: "artifacts",
    summary: "list artifacts: names, types, sizes",
    operands: [anyPath],
    options: [namespaceOption],
    examples: [
      ["stepwell artifacts TrainFlow/17", "of the run's last step"],
      ["stepwell artifacts TrainFlow/17/train/2", "of one task"],
    ],
  },
  {
    name: "get",
    summary: "print an artifact's value",
    operands: [anyPath],
    options: [
      { name: "out", value: "FILE", help: "write it to a file" },
      { name: "format", value: "FORMAT", choices: ["text", "json", "raw"], help: "text, json or raw (strings and bytes as they are)" },
      namespaceOption,
    ],
    examples: [
      ["stepwell get TrainFlow/17/end/0/winner --json", "as JSON"],
      ["stepwell get TrainFlow/latest/end/0/model --out model.bin", "a file, of any size"],
    ],
  },
  {
    name: "card",
    summary: "show a task's card: what its step put there for people",
    operands: [anyPath],
    options: [
      { name: "html", help: "as a page that stands alone" },
      { name: "out", value: "FILE", help: "write it to a file" },
      namespaceOption,
    ],
    examples: [
      ["stepwell card IrisFlow/latest", "the only card of a run, as text"],
      ["stepwell card TrainFlow/17/train/2 --html --out card.html", "for a browser"],
    ],
    notes: ["Steps fill it with current.card: see docs/cards.md. A task without one shows its parameters, artifacts and attempts."],
  },
  {
    name: "compare",
    summary: "compare runs side by side",
    operands: [{ name: "RUN", kind: "run", required: true, repeatable: true }],
    options: [
      { name: "diff-only", help: "leave out what is equal" },
      { name: "artifacts", help: "final artifacts too" },
      { name: "format", value: "FORMAT", choices: ["table", "md", "json"], help: "table, md or json" },
      namespaceOption,
    ],
    examples: [["stepwell compare TrainFlow/16 TrainFlow/17 --diff-only", "what differs"]],
  },
];

const acting: readonly CommandSpec[] = [
  {
    name: "cancel",
    summary: "stop runs in an orderly way",
    operands: [{ ...runPath, repeatable: true }],
    options: [namespaceOption],
    examples: [["stepwell cancel TrainFlow/17", "`stepwell resume` goes on later"]],
  },
  {
    name: "retry",
    summary: "run failed and cancelled tasks of a finished run again, in the same run",
    operands: [anyPath],
    followsRun: true,
    options: [
      { name: "step", value: "STEP", help: "only this step's tasks" },
      { name: "max-workers", value: "N", help: "tasks at a time (default: the number of cores)" },
      { name: "isolation", value: "KIND", choices: ["warm", "process"], help: "process: a fresh process for every task" },
      detachOption,
      ...watchOptions,
      namespaceOption,
    ],
    examples: [
      ["stepwell retry TrainFlow/17", "all that failed"],
      ["stepwell retry TrainFlow/17/train/2", "one task"],
    ],
  },
  ...(["add", "rm", "list"] as const).map(tagCommand),
  {
    name: "gc",
    summary: "delete the artifacts of runs that no rule keeps, and blobs that no run needs",
    operands: [],
    options: [
      { name: "keep-days", value: "N", help: "keep the artifacts of runs that ended less than N days ago" },
      { name: "keep-last", value: "N", help: "keep those of the newest N runs of each flow in the namespace" },
      { name: "keep-tag", value: "TAG", repeatable: true, help: "keep those of runs with this tag" },
      { name: "keep-logs", help: "keep the output of tasks of all runs" },
      { name: "dry-run", help: "only show what would be deleted, and how much" },
      { name: "namespace", value: "NAME", help: "collect runs of this namespace only (default: your own); empty means all" },
    ],
    examples: [
      ["stepwell gc --keep-days 30 --keep-tag production --dry-run", "what would go"],
      ["stepwell gc --keep-last 5", "the newest five runs of each flow stay"],
      ["stepwell gc", "only what no run needs, such as remains of crashes"],
    ],
    notes: [
      "A run is kept if any rule keeps it, and always while it has not ended. A run whose artifacts are gone stays in the",
      "lists, but cannot be resumed. Blobs stored in the last 48 hours stay: somebody may be about to need them.",
    ],
  },
];

const own: readonly CommandSpec[] = [
  {
    name: "init",
    summary: "write a first flow",
    operands: [{ name: "DIR", kind: "file" }],
    options: [{ name: "force", help: "overwrite files that exist" }],
    examples: [["stepwell init my-flows", "then: stepwell run my-flows/hello.ts"]],
  },
  {
    name: "doctor",
    summary: "find out what is wrong with this machine's set-up",
    operands: [],
    options: [],
    examples: [["stepwell doctor", "every check with a hint"]],
  },
  {
    name: "config show",
    summary: "show the settings in force",
    operands: [],
    options: [{ name: "origin", help: "and where each comes from" }],
    examples: [["stepwell config show --origin", "flags, environment, project file, user file, default"]],
    notes: ["Flags win over STEPWELL_* variables, those over stepwell.config.json, that over the user's config.json."],
  },
  {
    name: "completion",
    summary: "print a completion script for your shell",
    operands: [{ name: "SHELL", kind: "shell", required: true }],
    options: [],
    examples: [
      ['eval "$(stepwell completion bash)"', "in ~/.bashrc; for zsh in ~/.zshrc"],
      ["stepwell completion fish > ~/.config/fish/completions/stepwell.fish", "for fish"],
    ],
  },
  {
    name: "version",
    summary: "print the version",
    operands: [],
    options: [],
    examples: [["stepwell version", "or --version"]],
  },
  {
    name: "__complete",
    summary: "candidates for the last word",
    operands: [{ name: "WORD", kind: "file", repeatable: true }],
    options: [],
    examples: [["stepwell __complete -- run ''", "what completion scripts call"]],
    hidden: true,
  },
];

export const commands: readonly CommandSpec[] = [run, resume, ...reading, ...acting, ...clusterCommands, ...awsCommands, ...own];

function tagCommand(verb: "add" | "rm" | "list"): CommandSpec {
  const does = { add: "add tags to a run", rm: "remove tags from a run", list: "list a run's tags" }[verb];
  const tags: readonly OperandSpec[] = verb === "list" ? [] : [{ name: "TAG", kind: "tag", required: true, repeatable: true }];
  return {
    name: `tag ${verb}`,
    summary: does,
    operands: [runPath, ...tags],
    options: [namespaceOption],
    examples: [[`stepwell tag ${verb} TrainFlow/17${verb === "list" ? "" : " good"}`, does]],
  };
}
