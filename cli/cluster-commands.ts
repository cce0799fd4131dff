// The commands of a cluster, as data: what serves, what works, and what shows and changes workers. Imports types only.

import type { CommandSpec, OperandSpec, OptionSpec } from "./command-spec.ts";

/** How one is let in, for who names a coordinator on the command line. */
const trustOptions: readonly OptionSpec[] = [
  { name: "fingerprint", value: "SHA256", help: "of the coordinator's own authority, as it shows it at its start" },
  { name: "ca-file", value: "FILE", help: "authorities that sign the coordinator's certificate, PEM" },
  { name: "token-file", value: "FILE", help: "file with the token (or STEPWELL_TOKEN)" },
];
const tlsOption: OptionSpec = {
  name: "tls",
  value: "WHEN",
  choices: ["auto", "on", "off"],
  help: "auto: beyond this machine (the default)",
};
const drainOption: OptionSpec = { name: "drain-seconds", value: "N", help: "how long SIGTERM waits for what runs (default: 30)" };

const servingOptions: readonly OptionSpec[] = [
  { name: "listen", value: "ADDRESS", help: "for workers and clients (default: 127.0.0.1:7420); port 0: a free one" },
  { name: "http", value: "ADDRESS", help: "for blobs, health and metrics (default: the next port)" },
  { name: "data", value: "DIR", help: "folder of ledger, logs and artifacts (default: .stepwell/cluster)" },
  { name: "store", value: "URL", help: "artifacts: s3://bucket/prefix, or file:DIR (default: in the data folder)" },
  {
    name: "store-access",
    value: "HOW",
    choices: ["presigned", "role"],
    help: "presigned: workers and clients need no credentials (the default); role: they have some",
  },
  tlsOption,
  { name: "tls-name", value: "NAMES", help: "names or addresses of this machine that others use, separated by commas" },
  { name: "client-certificates", help: "let in only who shows a certificate of the coordinator's authority too" },
  { name: "auth", value: "WHEN", choices: ["on", "off"], help: "off: whoever can connect may do everything" },
];

const launchingOptions: readonly OptionSpec[] = [
  {
    name: "launcher",
    value: "WHO",
    choices: ["none", "process", "batch"],
    help: "who launches workers for @batch: AWS Batch, or processes here (default: none)",
  },
  { name: "advertise", value: "ADDRESS", help: "how launched workers reach this coordinator (default: where it listens)" },
  { name: "launch-max", value: "N", help: "launched workers at a time (default: 100)" },
  { name: "launch-max-per-run", value: "N", help: "of these, for one run (default: 100)" },
  { name: "launch-min", value: "N", help: "workers of a shape that stay once they are there (default: 0)" },
  { name: "launch-window-seconds", value: "N", help: "how long demand may grow before workers are launched (default: 3)" },
  { name: "launch-idle-seconds", value: "N", help: "how long a launched worker stays idle (default: 120)" },
  { name: "launch-usd-per-day", value: "N", help: "launch nothing more that day once so much is spent, by an estimate (default: 0, any)" },
];

const offeringOptions: readonly OptionSpec[] = [
  { name: "slots", value: "N", help: "tasks at a time (default: the number of cores)" },
  { name: "cpu", value: "N", help: "cores offered (default: all)" },
  { name: "memory", value: "SIZE", help: "memory offered, like 16GiB (default: all)" },
  { name: "gpu", value: "N", help: "GPUs offered (default: 0)" },
  { name: "label", value: "NAME=VALUE", repeatable: true, help: "what steps may ask for" },
  { name: "pool", value: "NAME", help: "pool that the worker belongs to (default: default)" },
];

const tokenOperand: OperandSpec = { name: "ID", kind: "token", required: true };
const run: OperandSpec = { name: "RUN", kind: "run", required: true };
const worker: OperandSpec = { name: "WORKER", kind: "worker", required: true };

export const clusterCommands: readonly CommandSpec[] = [
  {
    name: "watch",
    summary: "come back to a run: the same window as `run`, until it ends",
    operands: [run],
    followsRun: true,
    options: [
      {
        name: "logs",
        value: "WHICH",
        choices: ["auto", "all", "failed", "none"],
        help: "output of tasks to show (default: all, of the first 10 tasks of a step)",
      },
      { name: "namespace", value: "NAME", help: "look there instead of at your own runs; empty means everywhere" },
    ],
    examples: [
      ["stepwell watch TrainFlow/17", "also after `run --detach`, or when the terminal was lost"],
      ["stepwell watch latest", "your newest run; Ctrl-C leaves it running"],
    ],
  },
  {
    name: "up",
    summary: "start a whole cluster on this machine",
    operands: [],
    followsRun: true,
    options: [
      { name: "workers", value: "N", help: "worker processes (default: 2)" },
      { name: "nats", value: "URL", help: "a nats-server that runs already, instead of one of its own" },
      { name: "no-nats", help: "a queue within the coordinator instead" },
      { name: "detach", short: "d", help: "return when it is ready; `stepwell down` ends it" },
      ...servingOptions,
      ...offeringOptions,
      drainOption,
    ],
    examples: [
      ["stepwell up", "nats-server, coordinator, two workers; Ctrl-C ends them"],
      ["stepwell up --listen 0.0.0.0:7420", "and says what to type on the next machine"],
      ["stepwell up --detach --no-nats", "in the background, without nats-server"],
    ],
  },
  {
    name: "down",
    summary: "end the cluster that `up` started",
    operands: [],
    options: [{ name: "data", value: "DIR", help: "folder that `up` was given (default: .stepwell/cluster)" }, drainOption],
    examples: [["stepwell down", "workers first, then the coordinator, then nats-server"]],
  },
  {
    name: "coordinator",
    summary: "serve a cluster: decide what runs, and remember it",
    operands: [],
    followsRun: true,
    options: [
      ...servingOptions,
      { name: "nats", value: "URL", help: "task queue in a nats-server with JetStream (default: within the coordinator)" },
      ...launchingOptions,
      drainOption,
    ],
    examples: [
      ["stepwell coordinator --listen 0.0.0.0:7420 --data /var/lib/stepwell", "SIGTERM ends it in an orderly way"],
      ["stepwell coordinator --nats nats://127.0.0.1:4222 --store s3://my-bucket/stepwell", "queue and artifacts elsewhere"],
    ],
    notes: ["Every option is a setting too, of a settings file or the environment: STEPWELL_LISTEN, STEPWELL_DATA, ..."],
  },
  {
    name: "worker",
    summary: "offer this machine to a cluster",
    operands: [],
    followsRun: true,
    options: [
      ...offeringOptions,
      { name: "cache", value: "DIR", help: "folder of the artifact cache (default: ~/.cache/stepwell/artifacts)" },
      { name: "cache-size", value: "SIZE", help: "what the cache may hold, like 10GiB (the default)" },
      { name: "http", value: "ADDRESS", help: "serve health and metrics there, like 127.0.0.1:7430 (default: nowhere)" },
      ...trustOptions,
      tlsOption,
      drainOption,
    ],
    examples: [
      ["stepwell worker --coordinator build.lan:7420 --slots 4", "SIGTERM waits for what runs"],
      ["stepwell worker --pool gpu --gpu 1 --label card=a100", "for steps that ask for it"],
    ],
    notes: ["Every option is a setting too, of a settings file or the environment: STEPWELL_SLOTS, STEPWELL_LABELS, ..."],
  },
  {
    name: "workers",
    summary: "list the workers of the cluster",
    operands: [],
    options: [],
    examples: [["stepwell workers", "what each runs, and how it is"]],
  },
  {
    name: "worker drain",
    summary: "have a worker take no more work, and leave when it has none",
    operands: [worker],
    options: [{ name: "deadline", value: "DURATION", help: "stop what still runs after 30s, 10m, 2h; it runs elsewhere then" }],
    examples: [["stepwell worker drain build-7f3a --deadline 10m", "before the machine goes down"]],
  },
  {
    name: "worker inspect",
    summary: "show a worker: what it offers, and what it runs",
    operands: [worker],
    options: [],
    examples: [["stepwell worker inspect build-7f3a", "its labels, its tasks"]],
  },
  {
    name: "batch list",
    summary: "list the workers that the coordinator has launched in AWS Batch, job by job",
    operands: [],
    options: [{ name: "all", help: "those that are over too, as far as they are remembered" }],
    examples: [
      ["stepwell batch list", "how many have come, what they cost an hour, and why others wait"],
      ["stepwell batch list -o wide", "with links to AWS's console"],
    ],
  },
  {
    name: "batch kill",
    summary: "end launched workers: what they run runs elsewhere",
    operands: [{ name: "LAUNCH", kind: "launch", repeatable: true }],
    options: [{ name: "all", help: "all that are under way" }],
    examples: [["stepwell batch kill k3f09a2b7c41", "by the launch's name, or by its job"]],
    notes: ["As long as tasks wait for them, the coordinator launches others: cancel the runs first to be rid of them."],
  },
  {
    name: "token create",
    summary: "make a token that lets somebody in",
    operands: [],
    options: [
      {
        name: "role",
        value: "ROLE",
        choices: ["reader", "runner", "worker", "admin"],
        help: "what it allows: reader, runner, worker or admin",
      },
      { name: "name", value: "NAME", help: "for people: whose it is" },
      { name: "namespace", value: "NAME", help: "only for runs of this namespace" },
      { name: "pool", value: "NAME", help: "only for work of this pool" },
      { name: "ttl", value: "DURATION", help: "until then, like 12h or 30d (default: until it is revoked)" },
      { name: "certificate", value: "DIR", help: "a client's certificate as well, into this folder" },
    ],
    examples: [
      ["stepwell token create --role worker --name build-2", "printed once; the coordinator keeps a hash"],
      ["stepwell token create --role runner --namespace user:ada --ttl 30d", "for one person's runs"],
    ],
    notes: ["reader: looks at runs. runner: starts and changes them too. worker: takes work and does nothing else. admin: everything."],
  },
  {
    name: "token list",
    summary: "list tokens: whose they are, and what they allow",
    operands: [],
    options: [],
    examples: [["stepwell token list", "none of them is shown itself"]],
  },
  {
    name: "token revoke",
    summary: "let a token count no more, and end what is open under it",
    operands: [tokenOperand],
    options: [],
    examples: [["stepwell token revoke sw_1f0c9a3b7d52", "at once"]],
  },
];
