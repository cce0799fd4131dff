// The package entry `stepwell/client`: reads what runs left, from code.

import "./open-session.ts";

export { Artifact } from "../sdk/client/artifact.ts";
export { disconnect, namespace } from "../sdk/client/connection.ts";
export type { Connection, Session } from "../sdk/client/connection.ts";
export type { DataOf } from "../sdk/client/data.ts";
export { Flow, type RunsFilter } from "../sdk/client/flow.ts";
export { Run } from "../sdk/client/run.ts";
export { Step } from "../sdk/client/step.ts";
export { connect, Stepwell } from "../sdk/client/stepwell.ts";
export { Task } from "../sdk/client/task.ts";
