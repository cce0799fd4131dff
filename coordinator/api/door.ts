// Listens at a port, and lets only so much in: so many connections in all, and none for long that has not shown who it is.

import { createServer, type Server, type Socket } from "node:net";

export type DoorOptions = {
  readonly host: string;
  /** 0: the system chooses one. */
  readonly port: number;
  /** Serves a connection. */
  take(socket: Socket): void;
};

export interface Door {
  readonly port: number;
  /** Whoever is at the other side of this connection is known from now on; `peer` is its address and port. */
  prove(peer: string): void;
  close(): void;
}

/** Connections at a time; a worker and a client have one each. */
const connectionsMax = 10_000;
/** What a connection has to say who it is, TLS included. Milliseconds. */
const unprovenMsMax = 15_000;

/** @throws the reason why it cannot listen there */
export async function openDoor({ host, port, take }: DoorOptions): Promise<Door> {
  const unproven = new Map<string, NodeJS.Timeout>();
  const prove = (peer: string): void => {
    clearTimeout(unproven.get(peer));
    unproven.delete(peer);
  };
  const server = createServer((socket: Socket) => {
    socket.setNoDelay(true);
    // What a broken connection means is for whoever reads it; nothing here must end because of one.
    socket.on("error", () => undefined);
    // Gone already.
    if (socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const timer = setTimeout(() => socket.destroy(), unprovenMsMax);
    unproven.set(peer, timer.unref());
    socket.once("close", () => prove(peer));
    take(socket);
  });
  server.maxConnections = connectionsMax;
  await listen(server, host.replace(/^\[|\]$/g, ""), port);
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : port,
    prove,
    close: () => {
      server.close();
      for (const timer of unproven.values()) clearTimeout(timer);
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) =>
      reject(new Error(`the coordinator cannot listen at ${host}:${port}: ${error.message}`, { cause: error })),
    );
    server.listen(port, host, resolve);
  });
}
