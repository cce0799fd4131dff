// `stepwell status --why`: for each step what its waiting tasks wait for.

import { unreachable } from "../../proto/unreachable.ts";
import type { Beyond, WaitGroup, WaitReason, WaitsView } from "../../proto/waits.ts";
import { formatCount } from "../format/count.ts";
import { tableLines, type Column } from "../format/table.ts";
import { formatClock, type TimeZone } from "../format/time.ts";

const columns: readonly Column[] = [{ title: "STEP" }, { title: "WAITING", align: "right" }, { title: "WHY" }, { title: "LIKE" }];

export function waitLines({ waiting }: WaitsView, zone: TimeZone): readonly string[] {
  if (waiting.length === 0) return ["no task waits"];
  return tableLines(
    columns,
    waiting.map((group) => [group.step, formatCount(group.tasks), reasonText(group.reason, zone), exampleText(group)]),
  );
}

/** For programs: the fields of the reason, and its text in universal time. */
export function waitDocuments({ waiting }: WaitsView): readonly object[] {
  return waiting.map(({ step, reason, tasks, examples }) => ({ step, tasks, examples, reason, text: reasonText(reason, "utc") }));
}

function exampleText({ tasks, examples }: WaitGroup): string {
  return `${examples.join(", ")}${tasks > examples.length ? ", …" : ""}`;
}

function reasonText(reason: WaitReason, zone: TimeZone): string {
  switch (reason.kind) {
    case "inputs":
      return `for inputs: ${formatCount(reason.arrived)} of ${formatCount(reason.inputs)} have arrived`;
    case "backoff":
      return `back-off until ${formatClock(reason.untilMs, zone)}`;
    case "noWorker":
      return `no worker in pool ${reason.pool}`;
    case "noLabels":
      return reason.lacking.length === 0
        ? `no worker in pool ${reason.pool} has all of its labels`
        : `no worker in pool ${reason.pool} with ${reason.lacking.map((label) => `label ${label}`).join(" or ")}`;
    case "launching":
      return `for launched workers to come: ${formatCount(reason.workers)}${launchText(reason)}`;
    case "notLaunched":
      return `no workers are launched${reason.untilMs === null ? "" : ` until ${formatClock(reason.untilMs, zone)}`}: ${reason.why}`;
    case "tooLarge":
      return reason.beyond.length === 0
        ? "no worker is large enough: none has all that it asks for together"
        : `no worker is large enough: ${reason.beyond.map(beyondText).join("; ")}`;
    case "queue":
      return `the task queue is unreachable since ${formatClock(reason.sinceMs, zone)}: ${reason.problem}`;
    case "busy":
      return reason.workers === 1
        ? "the one worker that could take it is busy"
        : `all ${formatCount(reason.workers)} workers that match are busy`;
    case "stepLimit":
      return `@concurrency of the step: at most ${formatCount(reason.max)} at the same time`;
    case "flowLimit":
      return `@concurrency of the flow: at most ${formatCount(reason.max)} at the same time`;
    case "runLimit":
      return `--max-workers of the run: ${formatCount(reason.max)}`;
    case "turn":
      return "for its turn";
    case "stopping":
      return `the run stops (${reason.by})`;
    case "interrupted":
      return "no coordinator drives the run";
    default:
      return unreachable(reason);
  }
}

/** In brackets, as far as the service has said anything. */
function launchText({ stages, service }: Extract<WaitReason, { kind: "launching" }>): string {
  const told = Object.entries(stages).flatMap(([stage, count]) => (count > 0 ? [`${formatCount(count)} ${stage}`] : []));
  const parts = service === null ? told : [...told, service];
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

function beyondText({ resource, asks, largest }: Beyond): string {
  switch (resource) {
    case "cpu":
      return `asks for ${asks} cores, the largest has ${largest}`;
    case "memory":
      return `asks for ${memoryText(asks)}, the largest has ${memoryText(largest)}`;
    case "gpu":
      return largest === 0 ? `asks for ${gpus(asks)}, none has any` : `asks for ${gpus(asks)}, the largest has ${largest}`;
    default:
      return unreachable(resource);
  }
}

function gpus(count: number): string {
  return count === 1 ? "1 GPU" : `${count} GPUs`;
}

function memoryText(mebibytes: number): string {
  return mebibytes < 1024 ? `${Math.round(mebibytes)} MiB` : `${Number((mebibytes / 1024).toFixed(1))} GiB`;
}
