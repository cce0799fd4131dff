// The HTTP port of a worker, for whoever watches over it: whether it lives, and its metrics. Nothing there is secret, and nothing
// can be done there: it knows no tokens.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { metricsContentType, type Registry } from "../../sdk/metrics/registry.ts";

export interface WatchServer {
  readonly port: number;
  close(): Promise<void>;
}

const connectionsMax = 100;
/** For a request's head, and without a byte in either direction. Milliseconds. */
const silentMsMax = 10_000;

/** @throws the reason why it cannot listen there */
export async function startWatchServer(at: { readonly host: string; readonly port: number }, registry: Registry): Promise<WatchServer> {
  const limits = { headersTimeout: silentMsMax, requestTimeout: silentMsMax, keepAliveTimeout: silentMsMax };
  const server = createServer(limits, (incoming, response) => void answer(incoming, response, registry));
  server.maxConnections = connectionsMax;
  server.setTimeout(silentMsMax);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new Error(`the worker cannot serve HTTP at ${at.host}:${at.port}: ${error.message}`, { cause: error })),
    );
    server.listen(at.port, at.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port, // Of a server that listens at a port.
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer({ method, url = "" }: IncomingMessage, response: ServerResponse, registry: Registry): Promise<void> {
  const path = url.split("?", 1)[0];
  const text = (status: number, body: string): void =>
    void response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${body}\n`);
  if (path !== "/healthz" && path !== "/metrics") return text(404, "there is nothing here");
  if (method !== "GET") return text(405, `${path} answers GET`);
  if (path === "/healthz") return text(200, "ok");
  try {
    const numbers = await registry.text();
    response.writeHead(200, { "content-type": metricsContentType }).end(numbers);
  } catch (error) {
    text(500, error instanceof Error ? error.message : String(error));
  }
}
