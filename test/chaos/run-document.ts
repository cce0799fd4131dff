// What `stepwell run --json` ends with, as far as tests look at it.

import type { TaskCounts } from "../../proto/view.ts";
import type { RunStatus } from "../../proto/event.ts";
import type { Failure } from "../../proto/failure.ts";

export type RunDocument = {
  readonly run: string;
  readonly status: RunStatus;
  readonly tasks: TaskCounts;
  readonly failure: { readonly task: string; readonly kind: Failure["kind"]; readonly message: string } | null;
};
