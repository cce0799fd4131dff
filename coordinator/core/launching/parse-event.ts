// Reads an event of a launch as a ledger has kept it.

import { parseLaunchId } from "../../../proto/launch.ts";
import {
  arrayOf,
  boolean,
  count,
  kind,
  named,
  nullable,
  number,
  object,
  oneOf,
  root,
  string,
  union,
} from "../../../proto/parse/combinators.ts";
import type { Parser } from "../../../proto/parse/combinators.ts";
import { shape } from "../../../proto/parse/values.ts";
import type { LaunchEnd, LaunchEvent } from "./event.ts";

const launch = named(parseLaunchId);
const of = { kind, atMs: number, launch };
const end = union<LaunchEnd>({
  ended: object({ kind }),
  refused: object({ kind, reason: string }),
  neverCame: object({ kind }),
  unneeded: object({ kind }),
  forgotten: object({ kind }),
});

/** @throws ParseError */
export const parseLaunchEvent: Parser<LaunchEvent> = root(
  "launch event",
  union<LaunchEvent>({
    launchPlanned: object({ ...of, shape, count, slots: count, usdPerHour: number }),
    launchPostponed: object({ ...of, problem: oneOf("throttled", "unavailable"), reason: string, untilMs: number }),
    launchUncertain: object({ ...of, reason: string }),
    launchSubmitted: object({ ...of, job: string, knownBy: oneOf("answer", "name", "claim") }),
    extraJobsFound: object({ ...of, jobs: arrayOf(string) }),
    extraJobsEnded: object({ ...of, jobs: arrayOf(string) }),
    workerClaimed: object({ ...of, index: count, worker: string }),
    workerLeft: object({ ...of, index: count, why: string }),
    workersGivenUp: object({ ...of, indexes: nullable(arrayOf(count)), why: string, isTrouble: boolean }),
    workersFailed: object({
      ...of,
      count,
      problem: oneOf("exit", "outOfMemory", "hostLost", "image", "timeout", "ended", "impossible"),
      reason: string,
    }),
    launchOver: object({ ...of, end }),
  }),
);
