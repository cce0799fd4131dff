// Listens at a socket with nothing but Node, and loads gRPC when somebody connects: a command whose run nobody else asks
// about saves what is its largest part to load.

import { chmod, unlink } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { addressText, socketAddress } from "../../sdk/wire/address.ts";
import type { ConnectionTaker, GrpcServer, ServerPorts } from "./grpc-server.ts";

/** @throws AddressError, or the reason why it cannot listen there */
export async function listenLate(path: string, ready: Promise<ServerPorts>): Promise<GrpcServer> {
  const address = addressText(socketAddress(path));
  let loading: Promise<ConnectionTaker> | null = null;
  // Paused: what a client sends first is read by gRPC.
  const server = createServer({ pauseOnConnect: true }, (socket: Socket) => {
    socket.on("error", () => undefined);
    loading ??= load(ready);
    loading.then(
      (taker) => taker.take(socket),
      () => socket.destroy(),
    );
  });
  // A socket that a dead process left is in the way; who starts here has made sure that its folder is its own.
  await unlink(path).catch(() => undefined);
  await listen(server, path);
  // Whoever may connect may run code as this user.
  await chmod(path, 0o600);
  return {
    address,
    close: async () => {
      server.close();
      await loading?.then(
        (taker) => taker.close(),
        () => undefined,
      );
      await unlink(path).catch(() => undefined);
    },
  };
}

async function load(ready: Promise<ServerPorts>): Promise<ConnectionTaker> {
  const { takeConnections } = await import("./grpc-server.ts");
  return takeConnections(await ready);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(new Error(`the coordinator cannot listen at ${path}: ${error.message}`, { cause: error })));
    server.listen(path, resolve);
  });
}
