// A coordinator's Control over gRPC. Results are what a coordinator of the same version made, and are taken as such.

import { Client, credentials, status, type ServiceError } from "@grpc/grpc-js";
import { ControlError, type Control, type LogsQuery, type ResumePlan } from "../../proto/control.ts";
import type { RecordedEvent } from "../../proto/event.ts";
import type { FlowName, RunId } from "../../proto/ids.ts";
import type { LogLine, RunView, TaskView } from "../../proto/view.ts";
import { unreachable } from "../../proto/unreachable.ts";
import { addressText, parseAddress } from "./address.ts";
import { clientOptions } from "./channel-options.ts";
import { controlService, type ControlRequest } from "./services.ts";

export interface ControlClient extends Control {
  close(): void;
}

/** Nothing is sent before the first call. @throws AddressError */
export function connectControl(address: string): ControlClient {
  const client = new Client(addressText(parseAddress(address)), credentials.createInsecure(), clientOptions);
  const wire = { client, address };
  const call = <T>(method: keyof Control, ...args: readonly unknown[]): Promise<T> => callOnce<T>(wire, requestOf(method, args));
  return {
    submit: (request) => call<RunId>("submit", request),
    plan: (request) => call<ResumePlan>("plan", request),
    cancel: (run, by) => call("cancel", run, by),
    retry: (run, by, tasks) => call("retry", run, by, tasks),
    tag: (run, by, change) => call<readonly string[]>("tag", run, by, change),
    runs: (query) => call("runs", query),
    flows: (namespace) => call<readonly FlowName[]>("flows", namespace),
    latest: (query) => call<RunView | null>("latest", query),
    run: (run) => call<RunView>("run", run),
    tasks: (run, query) => call("tasks", run, query),
    task: (run, task) => call<TaskView>("task", run, task),
    events: (run, afterSeq) => follow<RecordedEvent>(wire, requestOf("events", [run, afterSeq])),
    logs: (query: LogsQuery) => follow<LogLine>(wire, requestOf("logs", [query])),
    close: () => client.close(),
  };
}

type Wire = { readonly client: Client; readonly address: string };

function requestOf(method: keyof Control, args: readonly unknown[]): ControlRequest {
  return { method, arguments: Buffer.from(JSON.stringify(args)) };
}

function callOnce<T>({ client, address }: Wire, request: ControlRequest): Promise<T> {
  const { path, requestSerialize, responseDeserialize } = controlService.call;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, value) => {
      if (error !== null) reject(controlErrorOf(error, address));
      else resolve(parseReply<T>(value));
    });
  });
}

/** Each reply holds the items that were there when it was sent. */
async function* follow<T>({ client, address }: Wire, request: ControlRequest): AsyncGenerator<T> {
  const { path, requestSerialize, responseDeserialize } = controlService.follow;
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  // The iteration below throws the same error; this keeps it from ending the process when nobody iterates any more.
  stream.on("error", () => undefined);
  try {
    for await (const reply of stream) yield* parseReply<readonly T[]>(reply as Uint8Array);
  } catch (error) {
    throw isServiceError(error) ? controlErrorOf(error, address) : error;
  } finally {
    stream.cancel();
  }
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

function controlErrorOf(error: ServiceError, address: string): ControlError {
  const code = codes.find((one) => statusOf(one) === error.code) ?? "unavailable";
  return new ControlError(code, code === "unavailable" ? `the coordinator at ${address} does not answer: ${error.details}` : error.details);
}

const codes: readonly ControlError["code"][] = ["notFound", "conflict", "invalid", "unavailable"];

/** The status that carries an error of this code. */
export function statusOf(code: ControlError["code"]): status {
  switch (code) {
    case "notFound":
      return status.NOT_FOUND;
    case "conflict":
      return status.FAILED_PRECONDITION;
    case "invalid":
      return status.INVALID_ARGUMENT;
    case "unavailable":
      return status.UNAVAILABLE;
    default:
      return unreachable(code);
  }
}
