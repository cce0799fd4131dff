import { test } from "node:test";
import { parseStepName, parseTaskId } from "../../proto/ids.ts";
import type { LogLine, WorkerView } from "../../proto/view.ts";
import type { WaitReason } from "../../proto/waits.ts";
import { CliError, errorDocument, errorText } from "../cli-error.ts";
import { artifactsTable } from "../render/artifact-lines.ts";
import { comparedRows, comparisonMarkdown, comparisonTable } from "../render/comparison.ts";
import { logLine } from "../render/log-lines.ts";
import { planLines } from "../render/plan-lines.ts";
import { listedDocument, statusDocument } from "../render/run-document.ts";
import { runsTable } from "../render/runs-table.ts";
import { statusLines } from "../render/status-lines.ts";
import { joinLines } from "../render/up-lines.ts";
import { workerLines, workersTable } from "../render/workers-table.ts";
import { waitDocuments, waitLines } from "../render/wait-lines.ts";
import { compare, places, sinkOf } from "./golden.ts";
import { artifacts, failedView, run, startMs, succeededView, summaries } from "./train-run.ts";

const nowMs = startMs + 480_000;
const plan = {
  origin: run,
  changedParameters: [],
  steps: [
    ...["start", "load", "split"].map((name) => ({ step: parseStepName(name), reuse: 1, run: 0, why: null })),
    { step: parseStepName("train"), reuse: 997, run: 3, why: "train/77 failed" },
    ...["score", "join", "end"].map((name) => ({ step: parseStepName(name), reuse: 0, run: null, why: null })),
  ],
};
const lines: readonly LogLine[] = [
  { run, task: parseTaskId("train/77"), attempt: 2, stream: "stderr", atMs: startMs, text: "TypeError: x is undefined" },
  { run, task: parseTaskId("train/77"), attempt: 2, stream: "stderr", atMs: startMs, text: "    at Train.step (flows/train.ts:41:17)" },
  { run, task: parseTaskId("train/612"), attempt: 0, stream: "stdout", atMs: startMs + 5, text: "epoch 12 loss=0.031" },
];
const error = new CliError("unavailable", "cannot reach the coordinator at http://127.0.0.1:8700 (ECONNREFUSED)", {
  lines: ["from: STEPWELL_SERVER env"],
  hint: "start one, or run without it",
  location: { file: "flows/train.ts", line: 58, column: 3 },
});

const tasksOf = (worker: number, count: number): WorkerView["running"] =>
  Array.from({ length: count }, (_, index) => ({ run, task: parseTaskId(`train/${worker * 100 + index}`), attempt: 0 }));
const offer = {
  pid: 4711,
  version: "0.4.0",
  pool: "default",
  labels: {},
  slots: 16,
  cpu: 16,
  memoryMiB: 65_536,
  gpu: 0,
  runs: [],
  requeued: 0,
  load: null,
};
const loadOf = (cpuShare: number, usedGiB: number): WorkerView["load"] => ({ cpuShare, usedMiB: usedGiB * 1024, totalMiB: 65_536 });
const workers: readonly WorkerView[] = [
  { ...offer, worker: "w-01", status: "ready", host: "ip-10-0-1", silentMs: 1000, load: loadOf(0.92, 41), running: tasksOf(1, 16) },
  {
    ...offer,
    worker: "w-07",
    status: "draining",
    host: "ip-10-0-9",
    labels: { card: "a100" },
    gpu: 2,
    silentMs: 2000,
    load: loadOf(0.11, 6),
    running: tasksOf(7, 2),
  },
  { ...offer, worker: "w-03", status: "lost", host: "ip-10-0-4", version: "0.3.9", silentMs: 47_000, requeued: 16, running: [] },
  { ...offer, worker: "w-04", status: "away", host: "ip-10-0-5", silentMs: 7000, running: [] },
];
const served = {
  pid: 4711,
  host: "build",
  address: "10.0.0.7:7420",
  http: "10.0.0.7:7421",
  fingerprint: "0f2bd7b9a0d80fd3a5d4a3c37bd9ae6ac3c0ab2f6ae03cb0e25c0c11a05c7f1e",
  tokenFile: "/home/ana/flows/.stepwell/cluster/admin-token",
  startedAt: "2026-11-24T12:00:00.000Z",
};

for (const place of places) {
  const { sink } = sinkOf(place);
  const { paint } = sink;
  const look = { paint, nowMs, zone: "utc", path: (file: string) => file } as const;

  void test(`the list of runs: ${place.name}`, (context) =>
    compare(context, `runs-${place.name}`, runsTable(summaries, { ...look, wide: false })));

  void test(`the workers of a cluster: ${place.name}`, (context) => {
    const workersLook = { paint, wide: false, version: "0.4.0" };
    const [, draining] = workers;
    const shown = [...workersTable(workers, workersLook), "", ...(draining === undefined ? [] : workerLines(draining, workersLook))];
    compare(context, `workers-${place.name}`, shown);
  });

  void test(`what to type to use a cluster that is up: ${place.name}`, (context) => {
    const parts = { nats: "nats://127.0.0.1:4222", workers: 2, slots: 4 };
    compare(context, `up-${place.name}`, joinLines(served, { data: "/home/ana/flows/.stepwell/cluster", parts, paint }));
  });

  void test(`the status of a run: ${place.name}`, (context) => compare(context, `status-${place.name}`, statusLines(failedView, look)));

  void test(`the plan of a resume: ${place.name}`, (context) => {
    const changedSteps = [parseStepName("train")];
    const unfinished = new Map([[parseStepName("train"), [77, 418, 903].map((index) => parseTaskId(`train/${index}`))]]);
    const codes = { from: failedView.codePackage, to: succeededView.codePackage };
    compare(context, `plan-${place.name}`, planLines(plan, { paint, file: "flows/train.ts", changedSteps, unfinished, code: codes }));
  });

  void test(`lines of a log: ${place.name}`, (context) => {
    compare(
      context,
      `logs-${place.name}`,
      lines.map((line) => logLine(line, { paint, prefix: true, timestamps: false })),
    );
  });

  void test(`an error: ${place.name}`, (context) => compare(context, `error-${place.name}`, errorText(error, paint).trimEnd().split("\n")));
}

void test("why tasks wait, one line for each reason; the same as JSON", (context) => {
  const step = parseStepName("train");
  const reasons: readonly WaitReason[] = [
    { kind: "noWorker", pool: "gpu" },
    { kind: "noLabels", pool: "default", lacking: ["zone=eu", "disk=ssd"] },
    { kind: "noLabels", pool: "default", lacking: [] },
    { kind: "tooLarge", beyond: [{ resource: "memory", asks: 8192, largest: 4096 }] },
    {
      kind: "tooLarge",
      beyond: [
        { resource: "cpu", asks: 16, largest: 2.5 },
        { resource: "gpu", asks: 1, largest: 0 },
      ],
    },
    { kind: "tooLarge", beyond: [{ resource: "gpu", asks: 4, largest: 2 }] },
    { kind: "tooLarge", beyond: [] },
    { kind: "queue", sinceMs: startMs, problem: "connection refused" },
    { kind: "busy", workers: 1 },
    { kind: "busy", workers: 12 },
    { kind: "stepLimit", max: 2 },
    { kind: "flowLimit", max: 10 },
    { kind: "runLimit", max: 4 },
    { kind: "turn" },
    { kind: "backoff", untilMs: startMs + 271_000 },
    { kind: "inputs", arrived: 997, inputs: 1000 },
    { kind: "stopping", by: "ada" },
    { kind: "interrupted" },
  ];
  const examples = ["train/0", "train/1", "train/2"].map(parseTaskId);
  const waiting = reasons.map((reason, at) => ({
    step,
    reason,
    tasks: at === 0 ? 99_997 : Math.min(at, 3),
    examples: examples.slice(0, Math.max(1, at)),
  }));
  const waits = { run, atMs: nowMs, waiting };
  const documents = waitDocuments(waits).map((document) => JSON.stringify(document));
  const nothing = waitLines({ run, atMs: nowMs, waiting: [] }, "utc");
  compare(context, "waits", [...waitLines(waits, "utc"), "", ...nothing, "", ...documents]);
});

void test("the same as JSON", (context) => {
  const documents = [...summaries.map(listedDocument), statusDocument(failedView), errorDocument(error)];
  compare(
    context,
    "views-json",
    documents.map((document) => JSON.stringify(document)),
  );
});

void test("artifacts, and two runs side by side", (context) => {
  const runs = [
    { view: failedView, parameters: { rate: "0.1" } },
    { view: succeededView, parameters: { rate: "0.2" } },
  ];
  const rows = comparedRows(runs, true);
  compare(context, "artifacts", artifactsTable({ artifacts, produced: new Set(["accuracy"]), parameters: new Set() }));
  compare(context, "compare", [
    ...comparisonTable(runs, rows),
    "",
    ...comparisonMarkdown(
      runs,
      rows.filter((row) => row.differs),
    ),
  ]);
});
