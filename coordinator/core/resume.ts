// What a resumed run takes over from the run it goes back to.

import type { ResumePlan, ResumeRequest, SubmitRequest } from "../../proto/control.ts";
import type { ReusedTask } from "../../proto/event.ts";
import type { Refused } from "./decision.ts";
import type { RunState } from "./state.ts";

export type PlannedResume = { readonly kind: "planned"; readonly plan: ResumePlan; readonly reused: readonly ReusedTask[] };

export function planResume(origin: RunState, request: SubmitRequest & { readonly resume: ResumeRequest }): PlannedResume | Refused {
  throw new Error(`unfinished ${origin.seq} ${request.user}`);
}
