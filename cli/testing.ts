// The package entry `stepwell/testing`: runs whole flows inside a test, in milliseconds.

export { ManualClock } from "../coordinator/adapters/manual-clock.ts";
export type { StepOverrides } from "./testing/override-steps.ts";
export { testFlow, type TestOptions } from "./testing/test-flow.ts";
export { TestedRun, type TestedTask } from "./testing/tested-run.ts";
