// `stepwell workers`: a line for each worker; `worker inspect`: all that is known of one.

import { stepOf } from "../../proto/ids.ts";
import { unreachable } from "../../proto/unreachable.ts";
import type { MachineLoad, WorkerView } from "../../proto/view.ts";
import { countOfThings, formatBytes } from "../format/count.ts";
import { formatDuration } from "../format/duration.ts";
import { tableLines, type Column } from "../format/table.ts";
import type { Paint } from "../terminal.ts";

/** A launched worker has a job. */
export type ShownWorker = WorkerView & { readonly job?: { readonly id: string; readonly link: string | null } };

export type WorkersLook = {
  readonly paint: Paint;
  readonly wide: boolean;
  /** Of this program: others are marked. */ readonly version: string;
};

const mebibyte = 1024 * 1024;
/** Steps that a line names. */
const stepsNamedMax = 3;

export function workersTable(workers: readonly ShownWorker[], look: WorkersLook): readonly string[] {
  const withJobs = workers.some(({ job }) => job !== undefined);
  const columns: readonly Column[] = [
    { title: "WORKER" },
    { title: "STATUS" },
    { title: "HOST" },
    { title: "SLOTS", align: "right" },
    { title: "RUNNING" },
    { title: "CPU", align: "right" },
    { title: "MEM", align: "right" },
    { title: "HEARTBEAT" },
    { title: "VERSION" },
    ...(withJobs ? [{ title: "JOB" }] : []),
    ...(look.wide ? [{ title: "POOL" }, { title: "LABELS" }, { title: "RUNS" }] : []),
    ...(look.wide && withJobs ? [{ title: "LINK" }] : []),
  ];
  const rows = workers.map((worker) => [
    worker.worker,
    statusText(worker, look.paint),
    worker.host,
    worker.status === "lost" ? "-" : `${worker.running.length}/${worker.slots}`,
    runningText(worker),
    worker.load === null ? "-" : percent(worker.load.cpuShare),
    worker.load === null ? "-" : memoryText(worker.load),
    `${formatDuration(worker.silentMs)} ago`,
    versionText(worker, look),
    ...(withJobs ? [worker.job?.id ?? "-"] : []),
    ...(look.wide ? [worker.pool, labelsText(worker), runsText(worker)] : []),
    ...(look.wide && withJobs ? [worker.job?.link ?? "-"] : []),
  ]);
  return tableLines(columns, rows);
}

export function workerLines(worker: ShownWorker, look: WorkersLook): readonly string[] {
  const { paint } = look;
  const facts: readonly (readonly [string, string])[] = [
    ["status", statusText(worker, paint)],
    ["process", `${worker.pid} on ${worker.host}`],
    ["version", versionText(worker, look)],
    ["offers", offerText(worker)],
    ...(worker.load === null ? [] : [["its machine", machineText(worker.load)] as const]),
    ["pool", worker.pool],
    ...(worker.job === undefined ? [] : [["job", worker.job.id] as const]),
    ...(worker.job === undefined || worker.job.link === null ? [] : [["its page", worker.job.link] as const]),
    ["labels", labelsText(worker)],
    ["takes", runsText(worker) === "-" ? "work of any run" : `work of ${runsText(worker)} alone`],
    ["last sign of life", `${formatDuration(worker.silentMs)} ago`],
  ];
  const tasks = worker.running.map(({ run, task, attempt }) => [`${run}/${task}`, String(attempt)]);
  return [
    paint.bold(worker.worker),
    ...tableLines(
      [{ title: "" }, { title: "" }],
      facts.map(([name, text]) => [`  ${name}`, text]),
    ),
    "",
    ...(tasks.length === 0 ? [idleText(worker)] : tableLines([{ title: "TASK" }, { title: "ATTEMPT", align: "right" }], tasks)),
  ];
}

function statusText({ status }: WorkerView, paint: Paint): string {
  switch (status) {
    case "ready":
      return paint.green("ready");
    case "draining":
      return paint.yellow("draining");
    case "away":
      return paint.red("AWAY");
    case "lost":
      return paint.red("LOST");
    default:
      return unreachable(status);
  }
}

/** `train ×16, score ×2`. */
function runningText({ running, status, requeued }: WorkerView): string {
  if (status === "lost") return `${countOfThings(requeued, "task")} requeued`;
  const counts = new Map<string, number>();
  for (const { task } of running) counts.set(stepOf(task), (counts.get(stepOf(task)) ?? 0) + 1);
  const texts = [...counts].toSorted(([, a], [, b]) => b - a).map(([step, count]) => `${step} ×${count}`);
  if (texts.length === 0) return "-";
  return [...texts.slice(0, stepsNamedMax), ...(texts.length > stepsNamedMax ? ["…"] : [])].join(", ");
}

function idleText({ status, requeued }: WorkerView): string {
  return status === "lost" ? `it was lost; ${countOfThings(requeued, "task")} of it run elsewhere` : "it runs nothing";
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

/** `41/64 GiB`. */
function memoryText({ usedMiB, totalMiB }: MachineLoad): string {
  const gibibytes = (mebibytes: number): string => (mebibytes / 1024).toFixed(mebibytes < 10 * 1024 && totalMiB < 16 * 1024 ? 1 : 0);
  return `${gibibytes(usedMiB)}/${gibibytes(totalMiB)} GiB`;
}

function machineText(load: MachineLoad): string {
  return `${percent(load.cpuShare)} of its processors and ${memoryText(load)} of its memory in use`;
}

function offerText({ slots, cpu, memoryMiB, gpu }: WorkerView): string {
  const parts = [countOfThings(slots, "slot"), countOfThings(cpu, "core"), formatBytes(memoryMiB * mebibyte)];
  return [...parts, ...(gpu > 0 ? [countOfThings(gpu, "GPU")] : [])].join(", ");
}

function versionText({ version }: WorkerView, look: WorkersLook): string {
  if (version === look.version) return version;
  const isOlder = version.localeCompare(look.version, "en", { numeric: true }) < 0;
  return `${version} ${look.paint.yellow(isOlder ? "(old)" : "(newer)")}`;
}

function labelsText({ labels }: WorkerView): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "-" : pairs.join(",");
}

function runsText({ runs }: WorkerView): string {
  return runs.length === 0 ? "-" : runs.join(",");
}
