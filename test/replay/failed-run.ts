// A run whose task has failed in each way that there is, as the core of today decides about them: what becomes of a failure is
// decided again whenever a history is read, so that a stored one shows when the rules have changed under it.

import type { Failure } from "../../proto/failure.ts";
import { graphOf, PlayedRun, userError } from "../simulation/played-run.ts";

const failures: readonly Failure[] = [
  userError(),
  { kind: "timeout", afterSeconds: 9 },
  { kind: "outOfMemory", peakMiB: 900, limitMiB: 800 },
  { kind: "outOfMemory", peakMiB: 900, limitMiB: null },
  { kind: "signal", signal: "SIGSEGV" },
  { kind: "exit", code: 3 },
  { kind: "start", message: "no process" },
  { kind: "store", message: "no answer" },
];

export function failedRun(): PlayedRun {
  const retry = { times: 10, minutesBetween: 0, backoff: 1, maxMinutes: 60, on: null };
  const policy = { retry, catch: { var: "seen", print: true } };
  const run = new PlayedRun(graphOf({ start: { to: "work" }, work: { to: "end", policy }, end: { to: null } }));
  run.succeed("start/0");
  for (const failure of failures) run.fail("work/0", failure);
  for (const how of ["lost", "undelivered", "drained"] as const) run.lose("work/0", how);
  run.fail("work/0", { kind: "refusedArtifact", artifact: "model", path: ".layers", message: "a function cannot be kept" });
  run.succeed("end/0");
  return run;
}
