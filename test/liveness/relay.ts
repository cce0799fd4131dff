// A relay between workers and a coordinator that can fall silent without ending a connection, as a network does.

import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";

export class Relay {
  readonly address: string;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #silent = false;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  static async open(to: string): Promise<Relay> {
    const port = Number(to.split(":")[1]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const relay = new Relay(server, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on("connection", (socket) => relay.#join(socket, connect(port, "127.0.0.1")));
    return relay;
  }

  /** Nothing passes any more, and nobody is told; what is sent meanwhile arrives never. */
  cut(): void {
    this.#silent = true;
  }

  /** New connections pass; those that were cut stay dead. */
  heal(): void {
    this.#silent = false;
  }

  /** Ends all connections, as a restarted router does. */
  reset(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  async close(): Promise<void> {
    this.reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket, far: Socket): void {
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    let dead = this.#silent;
    const pass = (from: Socket, into: Socket): void => {
      from.on("data", (bytes) => {
        dead ||= this.#silent;
        if (!dead) into.write(bytes);
      });
      from.on("error", () => undefined);
      from.on("close", () => {
        this.#pairs.delete(pair);
        if (!dead) into.destroy();
      });
    };
    pass(near, far);
    pass(far, near);
  }
}
