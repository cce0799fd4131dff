// What the author of a flow imports from "stepwell".

export { artifact } from "./artifact/file.ts";
export type { ArtifactFile } from "./artifact/file.ts";
export { TaskError } from "./artifact/task-error.ts";
export { card } from "./card/construct.ts";
export type { CardComponent } from "./card/component.ts";
export { CardError } from "./card/parse-component.ts";
export { current } from "./flow/current.ts";
export { batch, catchError, concurrency, environment, isolated, resources, retry, step, timeout } from "./flow/decorators.ts";
export { FlowSpec } from "./flow/flow-spec.ts";
export type { FlowClass, Inputs } from "./flow/flow-spec.ts";
export { parameter } from "./flow/parameter.ts";
export type { Json } from "./flow/parameter.ts";
export type { ForeachLevel } from "./flow/task.ts";
export type { StepReturn, Transition } from "./flow/transition.ts";
