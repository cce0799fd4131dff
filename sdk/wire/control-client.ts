// A coordinator's Control over gRPC. Results are what a coordinator of the same version made, and are taken as such.

import { status, type ServiceError } from "@grpc/grpc-js";
import type { BlobGrant, BlobPlace } from "../../proto/blobs.ts";
import type { CollectReport } from "../../proto/collect.ts";
import { ControlError, type Control, type LogsQuery, type ResumePlan, type Until } from "../../proto/control.ts";
import type { RecordedEvent } from "../../proto/event.ts";
import type { HealthView } from "../../proto/health.ts";
import type { FlowName, RunId } from "../../proto/ids.ts";
import type { LaunchView } from "../../proto/launch.ts";
import type { LogLine, RunView, TaskView, WorkerView } from "../../proto/view.ts";
import type { CreatedToken, TokenControl, TokenView } from "../../proto/token.ts";
import type { WaitsView } from "../../proto/waits.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { parseAddress } from "./address.ts";
import { TrustError } from "./authority.ts";
import { explainUnreachable, openChannel, type Channel } from "./channel.ts";
import type { Endpoint } from "./endpoint.ts";
import { unpack } from "./packing.ts";
import { controlService, type ControlRequest, type FollowReply } from "./services.ts";

export interface ControlClient extends Control, TokenControl {
  close(): void;
}

/** Nothing is sent before the first call. @throws AddressError */
export function connectControl(endpoint: Endpoint): ControlClient {
  parseAddress(endpoint.address);
  const wire = new Wire(endpoint);
  const call = <T>(method: keyof (Control & TokenControl), ...args: readonly unknown[]): Promise<T> =>
    callOnce<T>(wire, requestOf(method, args));
  return {
    submit: (request) => call<RunId>("submit", request),
    plan: (request) => call<ResumePlan>("plan", request),
    cancel: (run, asker) => call("cancel", run, asker),
    retry: (run, asker, tasks) => call("retry", run, asker, tasks),
    tag: (run, asker, change) => call<readonly string[]>("tag", run, asker, change),
    runs: (query) => call("runs", query),
    flows: (namespace) => call<readonly FlowName[]>("flows", namespace),
    latest: (query) => call<RunView | null>("latest", query),
    run: (run) => call<RunView>("run", run),
    tasks: (run, query) => call("tasks", run, query),
    task: (run, task) => call<TaskView>("task", run, task),
    waits: (run) => call<WaitsView>("waits", run),
    events: (run, afterSeq, until) => follow<RecordedEvent>(wire, requestOf("events", [run, afterSeq]), until),
    logs: (query: LogsQuery, until) => follow<LogLine>(wire, requestOf("logs", [query]), until),
    workers: () => call<readonly WorkerView[]>("workers"),
    health: () => call<HealthView>("health"),
    drainWorker: (worker, by, withinMs) => call("drainWorker", worker, by, withinMs),
    launches: () => call<readonly LaunchView[]>("launches"),
    endLaunch: (launch, by) => call("endLaunch", launch, by),
    collect: (request) => call<CollectReport>("collect", request),
    blobPlaces: () => call<readonly BlobPlace[]>("blobPlaces"),
    grantBlobs: (run, requests) => call<readonly BlobGrant[]>("grantBlobs", run, requests),
    createToken: (request) => call<CreatedToken>("createToken", request),
    tokens: () => call<readonly TokenView[]>("tokens"),
    revokeToken: (id) => call<TokenView>("revokeToken", id),
    close: () => wire.close(),
  };
}

class Wire {
  readonly endpoint: Endpoint;
  #opening: Promise<Channel> | null = null;
  #closed = false;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** @throws ControlError */
  async channel(): Promise<Channel> {
    if (this.#closed) throw new ControlError("unavailable", `the connection to ${this.endpoint.address} has been closed`);
    const opening = (this.#opening ??= openChannel(this.endpoint));
    try {
      return await opening;
    } catch (error) {
      if (this.#opening === opening) this.#opening = null;
      if (error instanceof TrustError) throw new ControlError("unauthenticated", error.message);
      const details = error instanceof Error ? error.message : String(error);
      throw new ControlError("unreachable", (await explainUnreachable(this.endpoint, details)).reason);
    }
  }

  close(): void {
    this.#closed = true;
    this.#opening?.then(
      ({ client }) => client.close(),
      () => undefined,
    );
  }
}

function requestOf(method: keyof (Control & TokenControl), args: readonly unknown[]): ControlRequest {
  return { method, arguments: Buffer.from(JSON.stringify(args)), takesPacked: true };
}

async function callOnce<T>(wire: Wire, request: ControlRequest): Promise<T> {
  const { path, requestSerialize, responseDeserialize } = controlService.call;
  const { client, metadata } = await wire.channel();
  const reply = await new Promise<Uint8Array | undefined>((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error, value) => {
      if (error !== null) reject(error);
      else resolve(value);
    });
  }).catch(async (error: unknown) => {
    throw isServiceError(error) ? await controlErrorOf(error, wire.endpoint) : error;
  });
  return parseReply<T>(reply);
}

/** Each reply holds the items that were there when it was sent. */
async function* follow<T>(wire: Wire, request: ControlRequest, until?: Until): AsyncGenerator<T> {
  const { path, requestSerialize, responseDeserialize } = controlService.follow;
  const { client, metadata } = await wire.channel();
  if (hasLeft(until)) return;
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
  // The iteration below throws the same error; this keeps it from ending the process when nobody iterates any more.
  stream.on("error", () => undefined);
  const leave = (): void => stream.cancel();
  until?.addEventListener("abort", leave);
  try {
    for await (const reply of stream) {
      const { list, packed } = reply as FollowReply;
      if (list.length > 0) yield* parseReply<readonly T[]>(list);
      for (const one of packed) yield* parseReply<readonly T[]>(unpack(one));
    }
  } catch (error) {
    if (hasLeft(until)) return;
    throw isServiceError(error) ? await controlErrorOf(error, wire.endpoint) : error;
  } finally {
    until?.removeEventListener("abort", leave);
    stream.cancel();
  }
}

/** Asked again after each wait. */
function hasLeft(until: Until | undefined): boolean {
  return until?.aborted === true;
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names what the method returns
function parseReply<T>(value: Uint8Array | undefined): T {
  // What returns nothing is sent as no bytes.
  if (value === undefined || value.length === 0) return undefined as T;
  return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as T;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error;
}

async function controlErrorOf({ code: number, details }: ServiceError, endpoint: Endpoint): Promise<ControlError> {
  // Larger than a message may be: nothing that another try would change.
  if (number === status.RESOURCE_EXHAUSTED) return new ControlError("invalid", `the request is too large: ${details}`);
  const code = codes.find((one) => statusOf(one) === number) ?? (isBroken(number, details) ? "unreachable" : "unavailable");
  return new ControlError(code, code === "unreachable" ? (await explainUnreachable(endpoint, details)).reason : details);
}

const codes: readonly ControlError["code"][] = [
  "notFound",
  "conflict",
  "invalid",
  "unauthenticated",
  "denied",
  "unavailable",
  "unreachable",
];

/** The connection broke: whoever was asked has said nothing. */
function isBroken(code: status, details: string): boolean {
  return code === status.CANCELLED || code === status.DEADLINE_EXCEEDED || (code === status.INTERNAL && details.includes("RST_STREAM"));
}

/** The status that carries an error of this code. */
export function statusOf(code: ControlError["code"]): status {
  switch (code) {
    case "notFound":
      return status.NOT_FOUND;
    case "conflict":
      return status.FAILED_PRECONDITION;
    case "invalid":
      return status.INVALID_ARGUMENT;
    case "unauthenticated":
      return status.UNAUTHENTICATED;
    case "denied":
      return status.PERMISSION_DENIED;
    case "unavailable":
      return status.ABORTED;
    case "unreachable":
      return status.UNAVAILABLE;
    default:
      return unreachable(code);
  }
}
