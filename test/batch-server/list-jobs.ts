// Lists the jobs of a queue or the children of an array.

import type { JobDetail, KeyValuesPair, ListJobsRequest } from "@aws-sdk/client-batch";
import { allowOnly, invalid } from "./invalid.ts";
import type { Job } from "./job.ts";
import { nameIn } from "./names.ts";
import { page } from "./page.ts";
import { summaryOf } from "./view.ts";
import type { World } from "./world.ts";

const resultsMax = 1000;
const filteredResultsMax = 100;

export function listJobs(world: World, request: ListJobsRequest): object {
  allowOnly(request, ["jobQueue", "arrayJobId", "jobStatus", "maxResults", "nextToken", "filters"], "ListJobs");
  const { filters = [], jobStatus = "RUNNING" } = request;
  const seen = jobsOf(world, request)
    .map((job) => world.glass.see(job))
    .filter((detail) => detail !== null);
  const [filter] = filters;
  if (filters.length > 1) throw invalid("only one filter can be used at a time");
  if (filter === undefined) {
    const ofStatus = seen.filter(({ status }) => status === jobStatus);
    const { items, rest } = page(ofStatus.map(summaryOf), request, resultsMax);
    return { jobSummaryList: items, ...rest };
  }
  // A filter makes the status irrelevant, and the newest come first.
  const matching = seen.filter(matcherOf(filter)).toReversed();
  const { items, rest } = page(matching.map(summaryOf), request, filteredResultsMax);
  return { jobSummaryList: items, ...rest };
}

function jobsOf({ queues, scheduler }: World, { jobQueue, arrayJobId, filters = [] }: ListJobsRequest): readonly Job[] {
  if ((jobQueue === undefined) === (arrayJobId === undefined)) throw invalid("exactly one of jobQueue and arrayJobId must be given");
  if (jobQueue !== undefined) {
    const queue = queues.queue(jobQueue);
    return [...scheduler.jobs.values()].filter(({ spec, array }) => spec.queue === queue && array?.kind !== "child");
  }
  if (filters.length > 0) throw invalid("filters can be used with jobQueue only");
  const parent = scheduler.jobs.get(arrayJobId ?? "");
  if (parent?.array?.kind !== "parent") throw invalid(`Job ${arrayJobId} is not an array job`);
  return parent.array.children;
}

function matcherOf({ name, values = [] }: KeyValuesPair): (detail: JobDetail) => boolean {
  if (values.length !== 1) throw invalid("a filter must have one value");
  const [value = ""] = values;
  switch (name) {
    case "JOB_NAME":
      return ({ jobName = "" }) => isMatch(value, jobName);
    case "JOB_DEFINITION":
      return ({ jobDefinition = "" }) =>
        isMatch(nameIn(value, "job-definition"), nameIn(jobDefinition, "job-definition").replace(/:\d+$/, ""));
    case "BEFORE_CREATED_AT":
      return ({ createdAt = 0 }) => createdAt < Number(value);
    case "AFTER_CREATED_AT":
      return ({ createdAt = 0 }) => createdAt > Number(value);
    case undefined:
    default:
      throw invalid(`filter ${name} is not valid`);
  }
}

function isMatch(pattern: string, text: string): boolean {
  const [wanted, given] = [pattern.toLowerCase(), text.toLowerCase()];
  return wanted.endsWith("*") ? given.startsWith(wanted.slice(0, -1)) : given === wanted;
}
