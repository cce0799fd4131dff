// The methods of Control by name, with their arguments parsed: what a request may ask for, and nothing else.

import { ControlError, type Until, type TagChange } from "../../proto/control.ts";
import { parseLaunchId } from "../../proto/launch.ts";
import { parseRunId, parseTaskId, type RunId, type TaskId } from "../../proto/ids.ts";
import { parseBlobRequests } from "../../proto/parse/blobs.ts";
import { parseCollectRequest } from "../../proto/parse/collect.ts";
import { parseTokenRequest } from "../../proto/parse/token.ts";
import {
  parseAsker,
  parseLogsQuery,
  parsePlanRequest,
  parseRunsQuery,
  parseSubmitRequest,
  parseTasksQuery,
} from "../../proto/parse/control.ts";
import type { Askable } from "./access/permissions.ts";

type Arguments = readonly unknown[];
export type CallTable = Readonly<Record<string, (args: Arguments) => Promise<unknown>>>;
export type FollowTable = Readonly<Record<string, (args: Arguments, until: Until) => AsyncIterable<unknown>>>;

export function callsOf(control: Askable): CallTable {
  return table({
    submit: ([request]: Arguments) => control.submit(parseSubmitRequest(request)),
    plan: ([request]: Arguments) => control.plan(parsePlanRequest(request)),
    cancel: ([run, asker]: Arguments) => control.cancel(parseRun(run), parseAsker(asker)),
    retry: ([run, asker, tasks]: Arguments) =>
      control.retry(parseRun(run), parseAsker(asker), tasks === null ? null : parseList(tasks, "tasks", parseTask)),
    tag: ([run, asker, change]: Arguments) => control.tag(parseRun(run), parseAsker(asker), parseTagChange(change)),
    runs: ([query]: Arguments) => control.runs(parseRunsQuery(query)),
    flows: ([namespace]: Arguments) => control.flows(namespace === null ? null : parseText(namespace, "namespace")),
    latest: ([query]: Arguments) => control.latest(parseRunsQuery(query)),
    run: ([run]: Arguments) => control.run(parseRun(run)),
    tasks: ([run, query]: Arguments) => control.tasks(parseRun(run), parseTasksQuery(query)),
    task: ([run, task]: Arguments) => control.task(parseRun(run), parseTask(task)),
    waits: ([run]: Arguments) => control.waits(parseRun(run)),
    collect: ([request]: Arguments) => control.collect(parseCollectRequest(request)),
    blobPlaces: () => control.blobPlaces(),
    workers: () => control.workers(),
    health: () => control.health(),
    drainWorker: ([worker, by, withinMs]: Arguments) =>
      control.drainWorker(parseText(worker, "worker"), parseText(by, "by"), withinMs === null ? null : parseCount(withinMs, "withinMs")),
    launches: () => control.launches(),
    endLaunch: ([launch, by]: Arguments) => control.endLaunch(parseLaunchId(parseText(launch, "launch")), parseText(by, "by")),
    grantBlobs: ([run, requests]: Arguments) => control.grantBlobs(run === null ? null : parseRun(run), parseBlobRequests(requests)),
    createToken: ([request]: Arguments) => control.createToken(parseTokenRequest(request)),
    tokens: () => control.tokens(),
    revokeToken: ([id]: Arguments) => control.revokeToken(parseText(id, "id")),
  });
}

export function followsOf(control: Askable): FollowTable {
  return table({
    events: ([run, afterSeq]: Arguments, until: Until) => control.events(parseRun(run), parseCount(afterSeq, "afterSeq"), until),
    logs: ([query]: Arguments, until: Until) => control.logs(parseLogsQuery(query), until),
  });
}

/** Without what every object has: a request names a method. */
function table<T extends object>(methods: T): T {
  return Object.assign(Object.create(null) as T, methods);
}

function parseRun(value: unknown): RunId {
  return parseRunId(parseText(value, "run"));
}

function parseTask(value: unknown): TaskId {
  return parseTaskId(parseText(value, "task"));
}

function parseText(value: unknown, name: string): string {
  if (typeof value !== "string") throw new ControlError("invalid", `${name}: expected a text, got ${JSON.stringify(value) ?? "nothing"}`);
  return value;
}

function parseList<T>(value: unknown, name: string, parse: (item: unknown) => T): readonly T[] {
  if (!Array.isArray(value)) throw new ControlError("invalid", `${name}: expected a list, got ${JSON.stringify(value) ?? "nothing"}`);
  return value.map(parse);
}

function parseTagChange(value: unknown): TagChange {
  const { add, remove } =
    typeof value === "object" && value !== null ? (value as { readonly add?: unknown; readonly remove?: unknown }) : {};
  return {
    add: parseList(add, "add", (tag) => parseText(tag, "tag")),
    remove: parseList(remove, "remove", (tag) => parseText(tag, "tag")),
  };
}

function parseCount(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new ControlError("invalid", `${name}: expected a whole number from 0 on, got ${JSON.stringify(value) ?? "nothing"}`);
  }
  return value;
}
