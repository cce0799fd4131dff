// The health service that gRPC defines (grpc.health.v1), for load balancers and those who watch over processes.

import { status, type MethodDefinition, type sendUnaryData, type ServerUnaryCall, type ServerWritableStream } from "@grpc/grpc-js";
import { ProtoReader } from "../../sdk/wire/proto-reader.ts";
import { ProtoWriter } from "../../sdk/wire/proto-writer.ts";
import type { Clock } from "../ports/clock.ts";
import { authorize } from "./access/permissions.ts";
import type { Caller } from "./access/principal.ts";
import { lookEveryMs, type Health } from "./health.ts";

/** As the service numbers them. */
const servingStatus = { serving: 1, notServing: 2, serviceUnknown: 3 } as const;
type Serving = (typeof servingStatus)[keyof typeof servingStatus];

/** The empty name is the whole coordinator. All of it is ready, or none. */
const services: readonly string[] = ["", "stepwell.v1.Worker", "stepwell.v1.Control"];

/** An empty text would count as no message with grpc-js. */
type HealthRequest = { readonly service: string };

const checkMethod: MethodDefinition<HealthRequest, Serving> = {
  path: "/grpc.health.v1.Health/Check",
  requestStream: false,
  responseStream: false,
  requestSerialize: writeRequest,
  requestDeserialize: readRequest,
  responseSerialize: writeReply,
  responseDeserialize: readReply,
};

export const healthService = {
  check: checkMethod,
  watch: { ...checkMethod, path: "/grpc.health.v1.Health/Watch", responseStream: true },
} satisfies Record<string, MethodDefinition<HealthRequest, Serving>>;

/** Whoever asks for this needs no token: probes have none. */
export const openPath = checkMethod.path;

export type HealthCall = ServerUnaryCall<HealthRequest, Serving>;
export type HealthWatch = ServerWritableStream<HealthRequest, Serving>;

export type HealthServicePorts = {
  readonly health: Health;
  readonly clock: Clock;
  /** Calls back once the caller may do nothing any more. Returns the function that ends the wait. */
  whenEnded(caller: Caller, callback: (why: string) => void): () => void;
};

export async function checkHealth({ request }: HealthCall, { health }: HealthServicePorts, answer: sendUnaryData<Serving>): Promise<void> {
  if (services.includes(request.service)) answer(null, await servingOf(health));
  else answer({ code: status.NOT_FOUND, details: `there is no service ${request.service}` });
}

/** Says at once how it is, and again whenever that changes. @throws ControlError denied */
export async function watchHealth(call: HealthWatch, { health, clock, whenEnded }: HealthServicePorts, caller: Caller): Promise<void> {
  authorize(caller.principal, "grpc.health.v1.Health/Watch");
  const over = Promise.withResolvers<void>();
  const stopWaiting = whenEnded(caller, (why) => {
    call.emit("error", { code: status.UNAUTHENTICATED, details: why });
    over.resolve();
  });
  call.on("cancelled", () => over.resolve());
  for (let told: Serving | null = null; ;) {
    const now = services.includes(call.request.service) ? await servingOf(health) : servingStatus.serviceUnknown;
    if (now !== told) call.write((told = now));
    let cancel = (): void => undefined;
    const later = new Promise<"look again">((resolve) => {
      cancel = clock.after(lookEveryMs, () => resolve("look again"), { background: true });
    });
    const next = await Promise.race([later, over.promise]);
    cancel();
    if (next !== "look again") break;
  }
  stopWaiting();
}

async function servingOf(health: Health): Promise<Serving> {
  return (await health.view()).ready ? servingStatus.serving : servingStatus.notServing;
}

function writeRequest(): never {
  throw new Error("this message is written at the other end only");
}

function readRequest(bytes: Buffer): HealthRequest {
  const reader = new ProtoReader(bytes);
  let service = "";
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field === 1) service = reader.text();
    else reader.skip();
  }
  return { service };
}

function writeReply(serving: Serving): Buffer {
  const writer = new ProtoWriter();
  writer.number(1, serving);
  return writer.take();
}

function readReply(): never {
  throw new Error("this message is read at the other end only");
}
