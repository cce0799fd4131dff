// The facts of launches, in the order in which they were accepted. What is known of launches is the fold of them.

import type { LaunchId } from "../../../proto/launch.ts";
import type { Shape } from "../../../proto/shape.ts";

export type LaunchEvent =
  /** Always the first of a launch, and durable before anybody is asked for it. */
  | {
      readonly kind: "launchPlanned";
      readonly atMs: number;
      readonly launch: LaunchId;
      readonly shape: Shape;
      readonly count: number;
      /** Tasks that each of its workers has room for. */
      readonly slots: number;
      /** What each costs, by an estimate. */
      readonly usdPerHour: number;
    }
  /** There is no job: the same may be asked for again, not before `untilMs`. */
  | {
      readonly kind: "launchPostponed";
      readonly atMs: number;
      readonly launch: LaunchId;
      readonly problem: "throttled" | "unavailable";
      readonly reason: string;
      readonly untilMs: number;
    }
  /** There may be a job: it is looked for by its name. */
  | { readonly kind: "launchUncertain"; readonly atMs: number; readonly launch: LaunchId; readonly reason: string }
  /** The launch has this job and no other, for ever. */
  | {
      readonly kind: "launchSubmitted";
      readonly atMs: number;
      readonly launch: LaunchId;
      readonly job: string;
      readonly knownBy: "answer" | "name" | "claim";
    }
  /** Further jobs by its name: to be ended. */
  | { readonly kind: "extraJobsFound"; readonly atMs: number; readonly launch: LaunchId; readonly jobs: readonly string[] }
  | { readonly kind: "extraJobsEnded"; readonly atMs: number; readonly launch: LaunchId; readonly jobs: readonly string[] }
  | {
      readonly kind: "workerClaimed";
      readonly atMs: number;
      readonly launch: LaunchId;
      readonly index: number;
      readonly worker: string;
    }
  | { readonly kind: "workerLeft"; readonly atMs: number; readonly launch: LaunchId; readonly index: number; readonly why: string }
  /** Those of its workers that have not come are not wanted any more: whoever comes is refused. `indexes` null: all. */
  | {
      readonly kind: "workersGivenUp";
      readonly atMs: number;
      readonly launch: LaunchId;
      readonly indexes: readonly number[] | null;
      readonly why: string;
      /** They should have come, and something is wrong. */
      readonly isTrouble: boolean;
    }
  /** Workers that never came have failed, by what the service says. */
  | {
      readonly kind: "workersFailed";
      readonly atMs: number;
      readonly launch: LaunchId;
      readonly count: number;
      readonly problem: LaunchProblem;
      readonly reason: string;
    }
  /** Nothing of it runs any more, or ever will. */
  | { readonly kind: "launchOver"; readonly atMs: number; readonly launch: LaunchId; readonly end: LaunchEnd };

/** Why a worker never came. */
export type LaunchProblem = "exit" | "outOfMemory" | "hostLost" | "image" | "timeout" | "ended" | "impossible";

export type LaunchEnd =
  /** All its workers have ended. */
  | { readonly kind: "ended" }
  | { readonly kind: "refused"; readonly reason: string }
  /** No job was found by its name. */
  | { readonly kind: "neverCame" }
  /** It was given up before anybody was asked for it. */
  | { readonly kind: "unneeded" }
  /** The service knows the job no more. */
  | { readonly kind: "forgotten" };
