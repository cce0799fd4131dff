// Launches: workers that a coordinator asks a service for, as many as its backlog needs. What a worker says of its launch, and
// what people see of launches.

import { NameError } from "./ids.ts";

declare const brand: unique symbol;

/** Random, so that no two requests share one: it is in the job's name, in its tags and in its environment. */
export type LaunchId = string & { readonly [brand]: "LaunchId" };

const LAUNCH = /^[a-z0-9]{8,32}$/;

/** @throws NameError */
export function parseLaunchId(text: string): LaunchId {
  if (!LAUNCH.test(text)) throw new NameError(`"${text}" is not a launch: 8 to 32 lower-case letters and digits`);
  return text as LaunchId;
}

/** What a worker that was launched says of itself: of one (launch, index) there is one worker, the first that says so. */
export type LaunchClaim = {
  readonly launch: string;
  /** Of the launch's workers, from 0. */
  readonly index: number;
  /** What the service calls the job: of all workers of the launch, without the index. */
  readonly job: string;
};

/**
 * What a launched worker finds in its environment; only the token is secret. Which of the launch's workers it is, the service
 * says, as AWS Batch does: `job` may be followed by `:index`, and the index is absent where a launch has one worker.
 */
export const launchVariables = {
  launch: "STEPWELL_LAUNCH",
  coordinator: "STEPWELL_COORDINATOR",
  fingerprint: "STEPWELL_FINGERPRINT",
  token: "STEPWELL_TOKEN",
  job: "AWS_BATCH_JOB_ID",
  index: "AWS_BATCH_JOB_ARRAY_INDEX",
} as const;
