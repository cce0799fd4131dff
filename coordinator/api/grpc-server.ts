// Serves workers and clients over gRPC. Loaded when one of them is expected, since loading gRPC costs a command 35 ms.

import type { Socket } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Control } from "../../proto/control.ts";
import { addressText } from "../../sdk/wire/address.ts";
import { serverOptions } from "../../sdk/wire/channel-options.ts";
import { controlService, workerService, type CoordinatorSideStream } from "../../sdk/wire/services.ts";
import { ControlService } from "./control-service.ts";
import { serveWorker } from "./worker-service.ts";
import type { WorkerSessionPorts } from "./worker-session.ts";

/** The address goes into the claims on runs before anybody listens there, so the port is a chosen one, not 0. */
export type Listen = { readonly path: string } | ListenAtPort;

type ListenAtPort = { readonly host: string; readonly port: number };

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

/** @throws the reason why it cannot listen there */
export async function startGrpcServer(listen: ListenAtPort, ports: ServerPorts): Promise<GrpcServer> {
  const address = addressText({ kind: "tcp", ...listen });
  const server = serverOf(ports);
  await bind(server, address);
  return {
    address,
    close: async () => server.forceShutdown(),
  };
}

export function takeConnections(ports: ServerPorts): ConnectionTaker {
  const server = serverOf(ports);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    take: (socket) => {
      injector.injectConnection(socket);
      socket.resume();
    },
    close: () => server.forceShutdown(),
  };
}

function serverOf(ports: ServerPorts): Server {
  const server = new Server(serverOptions);
  const control = new ControlService(ports.control);
  server.addService(workerService, { connect: (stream: CoordinatorSideStream) => serveWorker(ports, stream) });
  server.addService(controlService, {
    call: control.call.bind(control),
    follow: control.follow.bind(control),
  });
  return server;
}

function bind(server: Server, target: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(new Error(`the coordinator cannot listen at ${target}: ${error.message}`, { cause: error }));
    });
  });
}
