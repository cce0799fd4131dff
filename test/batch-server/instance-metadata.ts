// What a machine of EC2 says of itself to what runs on it (IMDSv2), such as that it will be taken away.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { region } from "./names.ts";

export class InstanceMetadata {
  readonly #server: Server;
  readonly #token = randomBytes(24).toString("base64url");
  readonly #texts = new Map<string, string>();

  private constructor(instance: string, type: string, isSpot: boolean) {
    this.#texts.set("/latest/meta-data/instance-id", instance);
    this.#texts.set("/latest/meta-data/instance-type", type);
    this.#texts.set("/latest/meta-data/instance-life-cycle", isSpot ? "spot" : "on-demand");
    this.#texts.set("/latest/meta-data/placement/region", region);
    this.#texts.set("/latest/meta-data/placement/availability-zone", `${region}a`);
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.unref();
  }

  static async start(instance: string, type: string, isSpot: boolean): Promise<InstanceMetadata> {
    const metadata = new InstanceMetadata(instance, type, isSpot);
    metadata.#server.listen(0, "127.0.0.1");
    await once(metadata.#server, "listening");
    return metadata;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The notice that the machine will be taken away. */
  announceEnd(atMs: number): void {
    const time = new Date(atMs).toISOString().replace(/\.\d+/, "");
    this.#texts.set("/latest/meta-data/spot/instance-action", JSON.stringify({ action: "terminate", time }));
    this.#texts.set("/latest/meta-data/spot/termination-time", time);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? "").replace(/\/$/, "");
    if (request.method === "PUT" && path === "/latest/api/token") {
      const seconds = Number(request.headers["x-aws-ec2-metadata-token-ttl-seconds"]);
      const isValid = seconds >= 1 && seconds <= 21_600;
      response.writeHead(isValid ? 200 : 400, { "x-aws-ec2-metadata-token-ttl-seconds": seconds || 0 });
      response.end(isValid ? this.#token : "Bad Request");
      return;
    }
    // Version 1, without a token, is switched off.
    if (request.headers["x-aws-ec2-metadata-token"] !== this.#token) {
      response.writeHead(401).end();
      return;
    }
    const text = this.#texts.get(path);
    response.writeHead(text === undefined ? 404 : 200, { "content-type": "text/plain" });
    response.end(text ?? "Not Found");
  }
}
