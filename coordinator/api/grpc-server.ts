// Serves workers and clients over gRPC. Loaded when one of them is expected, since loading gRPC costs a command 35 ms.

import type { Socket } from "node:net";
import { experimental, Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js";
import { addressText } from "../../sdk/wire/address.ts";
import { serverOptions } from "../../sdk/wire/channel-options.ts";
import {
  controlService,
  workerService,
  type ControlRequest,
  type CoordinatorSideStream,
  type FollowCall,
} from "../../sdk/wire/services.ts";
import { Admission, interceptorOf, refusalOf, type AdmissionPorts } from "./access/admission.ts";
import { ControlService } from "./control-service.ts";
import { openDoor } from "./door.ts";
import type { Health } from "./health.ts";
import { checkHealth, healthService, openPath, watchHealth, type HealthCall, type HealthWatch } from "./health-service.ts";
import type { Caller } from "./access/principal.ts";
import type { ServerTls } from "./server-tls.ts";
import { ShownCertificate } from "./shown-certificate.ts";
import type { Traffic } from "./traffic.ts";
import { serveWorker } from "./worker-service.ts";
import type { WorkerSessionPorts } from "./worker-session.ts";

/** With port 0 the system chooses one; the address of the server says which. */
export type Listen = { readonly path: string } | ListenAtPort;

/** `tls` null: plain, for loopback addresses and networks that are trusted as a whole. */
type ListenAtPort = { readonly host: string; readonly port: number; readonly tls?: ServerTls | null };

type ControlCall = ServerUnaryCall<ControlRequest, Uint8Array>;

export type ServerPorts = WorkerSessionPorts & AdmissionPorts & { readonly health: Health; readonly traffic: Traffic };

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
  const { host } = listen;
  const server = serverOf(ready, (peer) => door.prove(peer));
  const injector = server.createConnectionInjector(credentialsOf(listen.tls ?? null));
  const door = await openDoor({ host, port: listen.port, take: (socket) => injector.injectConnection(socket) });
  return {
    address: addressText({ kind: "tcp", host, port: door.port }),
    close: async () => {
      door.close();
      server.forceShutdown();
    },
  };
}

export function takeConnections(ports: ServerPorts): ConnectionTaker {
  const server = serverOf(Promise.resolve(ports), () => undefined);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    take: (socket) => {
      injector.injectConnection(socket);
      socket.resume();
    },
    close: () => server.forceShutdown(),
  };
}

function credentialsOf(tls: ServerTls | null): ServerCredentials {
  if (tls === null) return ServerCredentials.createInsecure();
  const { cert, key, clientCa, onRenewed } = tls;
  const shown = new ShownCertificate({ cert, key }, clientCa);
  onRenewed?.((renewed) => shown.show(renewed));
  return experimental.createCertificateProviderServerCredentials(shown, clientCa === null ? null : shown, clientCa !== null);
}

/** `onProven` is told of connections whose other side is known. */
function serverOf(ready: Promise<ServerPorts>, onProven: (peer: string) => void): Server {
  const served = ready.then((ports) => {
    const admission = new Admission(ports);
    return { ports, admission, control: new ControlService({ ...ports, admission }) };
  });
  // Where it never gets ready, whoever starts the server is told, and shuts it down.
  served.catch(() => undefined);
  const admission = served.then((parts) => parts.admission);
  admission.catch(() => undefined);
  const server = new Server({ ...serverOptions, interceptors: [interceptorOf(admission, onProven, [openPath])] });
  server.addService(workerService, {
    connect: (stream: CoordinatorSideStream) =>
      void served
        .then(({ ports, admission }) => serveWorker({ ports, admission }, stream, admission.callerOf(stream.metadata)))
        .catch((error: unknown) => stream.emit("error", refusalOf(error))),
  });
  server.addService(controlService, {
    call: (call: ControlCall, answer: sendUnaryData<Uint8Array>) =>
      void served
        .then(({ control, admission }) => control.call(call, admission.callerOf(call.metadata), answer))
        .catch((error: unknown) => answer(refusalOf(error))),
    follow: (call: FollowCall) =>
      void served
        .then(({ control, admission }) => control.follow(call, admission.callerOf(call.metadata)))
        .catch((error: unknown) => call.emit("error", refusalOf(error))),
  });
  addHealth(server, served);
  return server;
}

type Served = { readonly ports: ServerPorts; readonly admission: Admission };

function addHealth(server: Server, served: Promise<Served>): void {
  const portsOf = ({ ports, admission }: Served) => ({
    ...ports,
    whenEnded: (caller: Caller, callback: (why: string) => void) => admission.whenEnded(caller, callback),
  });
  server.addService(healthService, {
    check: (call: HealthCall, answer: sendUnaryData<1 | 2 | 3>) =>
      void served.then((parts) => checkHealth(call, portsOf(parts), answer)).catch((error: unknown) => answer(refusalOf(error))),
    watch: (call: HealthWatch) =>
      void served
        .then((parts) => watchHealth(call, portsOf(parts), parts.admission.callerOf(call.metadata)))
        .catch((error: unknown) => call.emit("error", refusalOf(error))),
  });
}
