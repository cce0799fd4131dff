// Serves workers and clients over gRPC. Loaded when one of them is expected, since loading gRPC costs a command 35 ms.

import type { Socket } from "node:net";
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js";
import type { Control } from "../../proto/control.ts";
import { addressText } from "../../sdk/wire/address.ts";
import { serverOptions } from "../../sdk/wire/channel-options.ts";
import {
  controlService,
  workerService,
  type ControlRequest,
  type CoordinatorSideStream,
  type FollowCall,
} from "../../sdk/wire/services.ts";
import { ControlService } from "./control-service.ts";
import { serveWorker } from "./worker-service.ts";
import type { WorkerSessionPorts } from "./worker-session.ts";

/** With port 0 the system chooses one; the address of the server says which. */
export type Listen = { readonly path: string } | ListenAtPort;

type ListenAtPort = { readonly host: string; readonly port: number };

type ControlCall = ServerUnaryCall<ControlRequest, Uint8Array>;

export type ServerPorts = WorkerSessionPorts & { readonly control: Control };

/** A coordinator that can be reached. */
export interface GrpcServer {
  /** Where workers and clients reach it. */
  readonly address: string;
  close(): Promise<void>;
}

/** Serves on connections that others have accepted, and paused. */
export interface ConnectionTaker {
  take(socket: Socket): void;
  close(): void;
}

/**
 * Accepts connections at once, since its address goes into the claims on runs, and answers when `ready` is there.
 * @throws the reason why it cannot listen there
 */
export async function startGrpcServer(listen: ListenAtPort, ready: Promise<ServerPorts>): Promise<GrpcServer> {
  const server = serverOf(ready);
  const port = await bind(server, addressText({ kind: "tcp", ...listen }));
  return {
    address: addressText({ kind: "tcp", host: listen.host, port }),
    close: async () => server.forceShutdown(),
  };
}

export function takeConnections(ports: ServerPorts): ConnectionTaker {
  const server = serverOf(Promise.resolve(ports));
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    take: (socket) => {
      injector.injectConnection(socket);
      socket.resume();
    },
    close: () => server.forceShutdown(),
  };
}

function serverOf(ready: Promise<ServerPorts>): Server {
  const server = new Server(serverOptions);
  const control = ready.then((ports) => new ControlService(ports.control));
  // Where it never gets ready, whoever starts the server is told, and shuts it down.
  control.catch(() => undefined);
  const worker = async (stream: CoordinatorSideStream): Promise<void> => {
    const ports = await ready;
    if (!stream.cancelled) serveWorker(ports, stream);
  };
  server.addService(workerService, { connect: (stream: CoordinatorSideStream) => void worker(stream).catch(() => undefined) });
  server.addService(controlService, {
    call: (call: ControlCall, answer: sendUnaryData<Uint8Array>) =>
      void control.then((service) => service.call(call, answer)).catch(() => undefined),
    follow: (call: FollowCall) => void control.then((service) => service.follow(call)).catch(() => undefined),
  });
  return server;
}

/** Resolves with the port. */
function bind(server: Server, target: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(new Error(`the coordinator cannot listen at ${target}: ${error.message}`, { cause: error }));
    });
  });
}
