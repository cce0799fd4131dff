// The commands for AWS, as data: the stack, and what this machine is told of it. Imports types only.

import type { CommandSpec, OptionSpec } from "./command-spec.ts";

const stackOptions: readonly OptionSpec[] = [
  { name: "stack", value: "NAME", help: "name of the stack (default: stepwell)" },
  { name: "region", value: "REGION", help: "of AWS (default: where the AWS SDK finds one, as in AWS_REGION)" },
];
const yesOption: OptionSpec = { name: "yes", short: "y", help: "ask nothing" };
const saveOption: OptionSpec = { name: "save-as", value: "PROFILE", help: "the profile to write (default: the stack's name)" };
const changingOptions: readonly OptionSpec[] = [
  ...stackOptions,
  { name: "set", value: "NAME=VALUE", repeatable: true, help: "a parameter of the stack, like Gpu=yes" },
  saveOption,
  yesOption,
];
const credentials = "Credentials come from where the AWS SDK finds them: AWS_PROFILE, single sign-on, a role. They are kept nowhere.";

export const awsCommands: readonly CommandSpec[] = [
  {
    name: "aws deploy",
    summary: "make the stack in AWS, or change it, and use it from here",
    operands: [],
    followsRun: true,
    options: changingOptions,
    examples: [
      ["stepwell aws deploy", "shows what it would make, asks, makes it, and writes a profile"],
      ["stepwell aws deploy --set Gpu=yes --set AlarmEmail=ops@example.org", "with GPUs and alarms"],
      ["stepwell aws deploy --yes --json", "for scripts"],
    ],
    notes: [credentials, "Parameters and costs: deploy/aws/README.md in the repository."],
  },
  {
    name: "aws upgrade",
    summary: "bring the stack to this version of Stepwell, with the parameters that it has",
    operands: [],
    followsRun: true,
    options: changingOptions,
    examples: [["stepwell aws upgrade", "the coordinator is away for some minutes; tasks go on meanwhile"]],
  },
  {
    name: "aws status",
    summary: "show the stack: its state, where its parts are, and what failed",
    operands: [],
    options: stackOptions,
    examples: [["stepwell aws status", "exit code 3 where there is no stack"]],
  },
  {
    name: "aws destroy",
    summary: "end the stack; its data is kept unless it is told otherwise",
    operands: [],
    followsRun: true,
    options: [...stackOptions, { name: "delete-data", help: "delete ledger, artifacts and key, too" }, yesOption],
    examples: [
      ["stepwell aws destroy", "bucket, key and the ledger's volume stay; it says how to go on with them"],
      ["stepwell aws destroy --delete-data", "nothing stays"],
    ],
  },
  {
    name: "doctor aws",
    summary: "find out what is wrong with the stack: account, bucket, queues, and a job that runs for a moment",
    operands: [],
    followsRun: true,
    options: [...stackOptions, { name: "probe", negatable: true, help: "run a job (the default): costs a cent, takes a minute or two" }],
    examples: [
      ["stepwell doctor aws", "every check with a hint"],
      ["stepwell doctor aws --no-probe", "without the job"],
    ],
    notes: [credentials],
  },
  {
    name: "configure aws",
    summary: "use a coordinator in AWS from this machine: writes a profile",
    operands: [],
    options: [
      ...stackOptions,
      { name: "address", value: "ADDRESS", help: "of a coordinator, instead of a stack's" },
      { name: "fingerprint", value: "SHA256", help: "of its authority" },
      { name: "token-file", value: "FILE", help: "file with the token" },
      saveOption,
      yesOption,
    ],
    examples: [
      ["stepwell configure aws --stack stepwell", "what the stack says of itself"],
      ["stepwell configure aws", "asks for what it needs"],
    ],
    notes: [credentials],
  },
  {
    name: "configure show",
    summary: "show the profiles of the user's settings file",
    operands: [],
    options: [],
    examples: [["stepwell configure show", "no tokens: those are in files of their own"]],
  },
  {
    name: "configure export",
    summary: "print a profile for somebody else",
    operands: [{ name: "PROFILE", kind: "file", required: true }],
    options: [],
    examples: [["stepwell configure export stepwell > stepwell-profile.json", "without the token, which each person has their own of"]],
  },
  {
    name: "configure import",
    summary: "take over a profile that somebody has exported",
    operands: [{ name: "FILE", kind: "file", required: true }],
    options: [{ name: "token-file", value: "FILE", help: "file with your own token" }, yesOption],
    examples: [["stepwell configure import stepwell-profile.json --token-file my-token", "the token is copied, readable by you alone"]],
  },
];
