// The two services of proto/*.proto as grpc-js wants them. Batches are encoded before they are written (batcher.ts), so a
// message that is sent is its bytes already.

import type { MethodDefinition, ServerDuplexStream, ServerWritableStream } from "@grpc/grpc-js";
import { ProtoReader } from "./proto-reader.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { readCoordinatorItems } from "./worker-codec.ts";
import type { CoordinatorItem } from "./worker-items.ts";

/**
 * Encoded batches of items both ways. Whoever serves it reads them: what grpc-js itself cannot read, it answers at once, before
 * what is still to be written, and a write after that leaves the stream open for ever.
 */
export type CoordinatorSideStream = ServerDuplexStream<Buffer, Buffer>;

const asItIs = (bytes: Buffer): Buffer => bytes;
/** grpc-js wants every message's two directions described at both ends, where each end needs one. */
const otherEnd = (): never => {
  throw new Error("this message is encoded at the other end only");
};

/** Seen from the worker. */
export const connectMethod: MethodDefinition<Buffer, readonly CoordinatorItem[]> = {
  path: "/stepwell.v1.Worker/Connect",
  requestStream: true,
  responseStream: true,
  requestSerialize: asItIs,
  requestDeserialize: otherEnd,
  responseSerialize: otherEnd,
  responseDeserialize: readCoordinatorItems,
};

const connectFromWorker: MethodDefinition<Buffer, Buffer> = {
  ...connectMethod,
  requestSerialize: otherEnd,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: otherEnd,
};

/** Seen from the coordinator. */
export const workerService = { connect: connectFromWorker };

/** `takesPacked`: lists may come packed. */
export type ControlRequest = { readonly method: string; readonly arguments: Uint8Array; readonly takesPacked?: boolean };

/** A list of JSON, or packed ones (packing.ts), one after the other. */
export type FollowReply = { readonly list: Uint8Array; readonly packed: readonly Uint8Array[] };

const requestMethod = { requestStream: false, requestSerialize: writeControlRequest, requestDeserialize: readControlRequest } as const;

export const controlService = {
  call: {
    ...requestMethod,
    path: "/stepwell.v1.Control/Call",
    responseStream: false,
    responseSerialize: writeControlReply,
    responseDeserialize: readControlReply,
  } satisfies MethodDefinition<ControlRequest, Uint8Array>,
  follow: {
    ...requestMethod,
    path: "/stepwell.v1.Control/Follow",
    responseStream: true,
    responseSerialize: writeFollowReply,
    responseDeserialize: readFollowReply,
  } satisfies MethodDefinition<ControlRequest, FollowReply>,
};

export type FollowCall = ServerWritableStream<ControlRequest, FollowReply>;

export function writeControlRequest(request: ControlRequest): Buffer {
  const writer = new ProtoWriter();
  writer.text(1, request.method);
  writer.bytes(2, request.arguments);
  writer.flag(3, request.takesPacked === true);
  return writer.take();
}

export function readControlRequest(bytes: Buffer): ControlRequest {
  const reader = new ProtoReader(bytes);
  let method = "";
  let args: Uint8Array = new Uint8Array();
  let takesPacked = false;
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field === 1) method = reader.text();
    else if (field === 2) args = reader.bytes();
    else if (field === 3) takesPacked = reader.flag();
    else reader.skip();
  }
  return { method, arguments: args, takesPacked };
}

export function writeControlReply(value: Uint8Array): Buffer {
  const writer = new ProtoWriter();
  writer.bytes(1, value);
  return writer.take();
}

export function readControlReply(bytes: Buffer): Uint8Array {
  const reader = new ProtoReader(bytes);
  let value: Uint8Array = new Uint8Array();
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field === 1) value = reader.bytes();
    else reader.skip();
  }
  return value;
}

export function writeFollowReply({ list, packed }: FollowReply): Buffer {
  const writer = new ProtoWriter();
  writer.bytes(1, list);
  for (const one of packed) writer.bytes(2, one);
  return writer.take();
}

export function readFollowReply(bytes: Buffer): FollowReply {
  const reader = new ProtoReader(bytes);
  let list: Uint8Array = new Uint8Array();
  const packed: Uint8Array[] = [];
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field === 1) list = reader.bytes();
    else if (field === 2) packed.push(reader.bytes());
    else reader.skip();
  }
  return { list, packed };
}
