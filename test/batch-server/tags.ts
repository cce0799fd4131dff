// Tags of queues, environments, definitions and jobs, by ARN.

import { parameter, type RawTarget } from "../aws/signature.ts";
import { invalid } from "./invalid.ts";
import { nameIn } from "./names.ts";
import type { World } from "./world.ts";

export type TagsCall = { readonly method: string; readonly target: RawTarget; readonly body: Readonly<Record<string, unknown>> };

/** Only what is read: the rest has not been needed. */
export function tagsAnswer({ queues, definitions, scheduler }: World, { method, target }: TagsCall): object {
  const arn = decodeURIComponent(target.path.replace(/^\/v1\/tags\//, ""));
  if (method !== "GET" || parameter(target, "tagKeys") !== undefined) throw invalid("this server can only list tags");
  const tags =
    scheduler.jobs.get(nameIn(arn, "job"))?.spec.tags ??
    definitions.find(arn)?.tags ??
    queues.queues.get(nameIn(arn, "job-queue"))?.detail.tags ??
    queues.environments.get(nameIn(arn, "compute-environment"))?.detail.tags;
  if (tags === undefined) throw invalid(`${arn} does not exist`);
  return { tags };
}
