// One line of the log for each thing that happens to a launch, under names that stay.

import type { LaunchEvent } from "../../core/launching/event.ts";
import { unreachable } from "../../../proto/unreachable.ts";
import { shapeKey } from "../../../proto/shape.ts";
import type { CoordinatorLog } from "../log.ts";

export function logLaunch(log: CoordinatorLog, event: LaunchEvent): void {
  const of = { launch_id: event.launch };
  switch (event.kind) {
    case "launchPlanned": {
      const { shape, count, slots } = event;
      return log.info({ event: "launch.planned", ...of, shape: shapeKey(shape), workers: count, slots }, "workers are to be launched");
    }
    case "launchPostponed": {
      const { problem, reason, untilMs, atMs } = event;
      const fields = { event: "launch.postponed", ...of, problem, reason, retry_ms: untilMs - atMs };
      return log.warn(fields, "the service takes no launches now; trying again");
    }
    case "launchUncertain":
      return log.warn({ event: "launch.uncertain", ...of, reason: event.reason }, "whether the service has the launch, it is asked");
    case "launchSubmitted":
      return log.info({ event: "launch.submitted", ...of, job_id: event.job, known_by: event.knownBy }, "the service has the launch");
    case "extraJobsFound":
      return log.warn(
        { event: "launch.doubled", ...of, job_ids: event.jobs },
        "the service has the launch more than once: the others are ended",
      );
    case "extraJobsEnded":
      return log.info({ event: "launch.doublesEnded", ...of, job_ids: event.jobs }, "what the service had twice is ended");
    case "workerClaimed":
      return log.info({ event: "launch.workerCame", ...of, index: event.index, worker_id: event.worker }, "a launched worker has come");
    case "workerLeft":
      return log.info({ event: "launch.workerLeft", ...of, index: event.index, reason: event.why }, "a launched worker has left");
    case "workersGivenUp": {
      const fields = { event: "launch.givenUp", ...of, workers: event.indexes?.length ?? null, reason: event.why };
      return event.isTrouble
        ? log.warn(fields, "launched workers did not come")
        : log.info(fields, "launched workers are not needed any more");
    }
    case "workersFailed": {
      const { count, problem, reason } = event;
      return log.warn({ event: "launch.workersFailed", ...of, workers: count, problem, reason }, "launched workers ended before they came");
    }
    case "launchOver": {
      const { end } = event;
      const fields = { event: "launch.over", ...of, end: end.kind, reason: end.kind === "refused" ? end.reason : null };
      return end.kind === "ended" || end.kind === "unneeded"
        ? log.info(fields, "nothing is left of a launch")
        : log.warn(fields, "a launch has come to nothing");
    }
    default:
      return unreachable(event);
  }
}
