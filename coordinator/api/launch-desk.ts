// What clients see of launches, and how one is ended.

import type { LaunchOutlook } from "../core/launching/outlook.ts";
import { ControlError } from "../../proto/control.ts";
import type { LaunchId, LaunchView } from "../../proto/launch.ts";

export interface LaunchDesk {
  /** What is on its way for tasks of the shape with that key; null where nothing is known of it. */
  outlookFor(key: string): LaunchOutlook | null;
  views(): readonly LaunchView[];
  /** Durable when it resolves. @throws ControlError notFound, conflict */
  end(launch: LaunchId, by: string): Promise<void>;
}

/** `desk` null: no workers are launched. @throws ControlError notFound, conflict */
export async function endLaunch(desk: LaunchDesk | null, launch: LaunchId, by: string): Promise<void> {
  if (desk === null) throw new ControlError("notFound", `there is no launch ${launch}: this coordinator launches no workers`);
  await desk.end(launch, by);
}
