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

/** A launch as people see it. */
export type LaunchView = {
  readonly launch: LaunchId;
  /** The key of the shape. */
  readonly shape: string;
  readonly plannedAtMs: number;
  /**
   * `planned`: nobody was asked yet, or will be asked again. `uncertain`: there may be a job. `submitted`: there is. `over`: nothing of
   * it runs any more.
   */
  readonly stage: "planned" | "uncertain" | "submitted" | "over";
  /** Workers that were asked for; tasks that each has room for; and what one costs, by an estimate. */
  readonly count: number;
  readonly slots: number;
  readonly usdPerHour: number;
  readonly job: string | null;
  /** For a person to look at it. */
  readonly link: string | null;
  /** Those that have come and not left. */
  readonly workers: readonly { readonly index: number; readonly worker: string }[];
  /** By what the service said last; null where it has said nothing. */
  readonly seen: { readonly waiting: number; readonly starting: number; readonly running: number; readonly ended: number } | null;
  /** Why it waits, or how it ended, if there is more to say than its stage. */
  readonly why: string | null;
};
