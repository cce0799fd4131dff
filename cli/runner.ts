// The package entry `stepwell/runner`: runs flows from code.

import "./open-session.ts";

export type { RunningRun } from "./runner/running-run.ts";
export { resume, run, start, startResumed, type ParametersOf, type ResumeOptions, type RunnerOptions } from "./runner/start-run.ts";
