// The package entry `stepwell/client`: reads what runs left, from code.

import "./open-session.ts";

export type { RecordedEvent, RunStatus } from "../proto/event.ts";
export type { Failure, FailureKind } from "../proto/failure.ts";
export type { AttemptView, LogLine, TaskCounts, TaskStatus } from "../proto/view.ts";
export { ControlError } from "../proto/control.ts";
export type { ArtifactFile } from "../sdk/artifact/file.ts";
export { ArtifactStoreError } from "../sdk/artifact/store.ts";
export { TaskError } from "../sdk/artifact/task-error.ts";
export { Artifact } from "../sdk/client/artifact.ts";
export type { RunCode } from "../sdk/client/code.ts";
export { defaultNamespace, disconnect, getNamespace, namespace } from "../sdk/client/connection.ts";
export type { Connection, CoordinatorPlace, Session } from "../sdk/client/connection.ts";
export type { AnyFlow, DataOf } from "../sdk/client/data.ts";
export { Flow, type RunsFilter } from "../sdk/client/flow.ts";
export { ListedRun, Run, type RunLogsOptions } from "../sdk/client/run.ts";
export { Step, type TasksFilter } from "../sdk/client/step.ts";
export { Stepwell } from "../sdk/client/stepwell.ts";
export { Task, type TaskLogsOptions } from "../sdk/client/task.ts";
