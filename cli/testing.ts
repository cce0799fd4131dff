// The package entry `stepwell/testing`.

export { ManualClock } from "../coordinator/adapters/manual-clock.ts";
export { testFlow, type TestOptions } from "./testing/test-flow.ts";
export { TestedRun, type TestedTask } from "./testing/tested-run.ts";
