// Listens for workers and clients. Loaded only by a coordinator that listens, since loading gRPC costs a command 45 ms.

import { chmod, unlink } from "node:fs/promises";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Control } from "../../proto/control.ts";
import { addressText, socketAddress, type Address } from "../../sdk/wire/address.ts";
import { serverOptions } from "../../sdk/wire/channel-options.ts";
import { controlService, workerService, type CoordinatorSideStream } from "../../sdk/wire/services.ts";
import { ControlService } from "./control-service.ts";
import { serveWorker, type WorkerServicePorts } from "./worker-service.ts";

/** The address goes into the claims on runs before anybody listens there, so the port is a chosen one, not 0. */
export type Listen = { readonly path: string } | { readonly host: string; readonly port: number };

export type ServerPorts = WorkerServicePorts & { readonly control: Control };

export interface GrpcServer {
  /** Where workers and clients reach it. */
  readonly address: string;
  close(): Promise<void>;
}

/** @throws AddressError, or the reason why it cannot listen there */
export async function startGrpcServer(listen: Listen, ports: ServerPorts): Promise<GrpcServer> {
  const address: Address = "path" in listen ? socketAddress(listen.path) : { kind: "tcp", host: listen.host, port: listen.port };
  const server = new Server(serverOptions);
  const control = new ControlService(ports.control);
  server.addService(workerService, { connect: (stream: CoordinatorSideStream) => serveWorker(ports, stream) });
  server.addService(controlService, {
    call: control.call.bind(control),
    follow: control.follow.bind(control),
  });
  // A socket that a dead process left is in the way; who starts here has made sure that its folder is its own.
  if (address.kind === "socket") await unlink(address.path).catch(() => undefined);
  await bind(server, addressText(address));
  // Whoever may connect may run code as this user.
  if (address.kind === "socket") await chmod(address.path, 0o600);
  return {
    address: addressText(address),
    close: async () => {
      server.forceShutdown();
      if (address.kind === "socket") await unlink(address.path).catch(() => undefined);
    },
  };
}

function bind(server: Server, target: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(new Error(`the coordinator cannot listen at ${target}: ${error.message}`, { cause: error }));
    });
  });
}
