// The package entry `stepwell/runner`: runs flows from code.

import "./open-session.ts";

export { run, start, type RunnerOptions, type RunningRun } from "./runner/start-run.ts";
