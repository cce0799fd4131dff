// The coordinator's HTTP port: one table of routes, over TLS where the coordinator has a certificate.
//
// H1. What is in no route is not there, and a route answers its own methods only.
// H2. Nobody holds a connection without doing anything: slow heads, silent bodies and readers who don't read are cut off.

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { ControlError } from "../../../proto/control.ts";
import { authorize, isAction, isOpen } from "../access/permissions.ts";
import type { Principal } from "../access/principal.ts";
import type { ServerTls } from "../server-tls.ts";
import { errorField, type CoordinatorLog } from "../../shell/log.ts";

export type HttpRequest = {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** Who asks; null where the route is for anyone. */
  readonly principal: Principal | null;
};

export type Route = {
  /** For people, and with a method before it for the table of who may ask for it: `/blobs/SHA256`. */
  readonly name: string;
  readonly path: RegExp;
  readonly methods: readonly string[];
  /** Answers, or throws HttpError before anything is sent. */
  handle(request: HttpRequest): Promise<void>;
};

/** An answer that refuses. The message is for whoever asked. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type HttpOptions = {
  readonly host: string;
  /** 0: one that the system chooses. */
  readonly port: number;
  /** Null: without TLS. No certificates are asked for. */
  readonly tls: Omit<ServerTls, "clientCa"> | null;
  readonly routes: readonly Route[];
  readonly log: CoordinatorLog;
  /** Whose the header `authorization` is; where this is left out, nobody is known. @throws ControlError unauthenticated */
  readonly identify?: (authorization: string | undefined, from: string) => Promise<Principal>;
  /** A request to a route, or to none (""), was answered. */
  readonly onAnswered?: (route: string, method: string, status: number) => void;
};

export interface HttpServer {
  readonly port: number;
  readonly tls: boolean;
  close(): Promise<void>;
}

const connectionsMax = 2000;
const headMsMax = 10_000;
/** Without a byte in either direction. Milliseconds. */
const idleMsMax = 60_000;
/** For a request's whole body, however steadily it comes. Milliseconds. */
const requestMsMax = 60 * 60 * 1000;

/** @throws the reason why it cannot listen there */
export async function startHttpServer({ host, port, tls, ...options }: HttpOptions): Promise<HttpServer> {
  const listener: RequestListener = (incoming, response) => void answer({ incoming, response }, options);
  const limits = { headersTimeout: headMsMax, requestTimeout: requestMsMax, keepAliveTimeout: idleMsMax };
  const server = tls === null ? createServer(limits, listener) : tlsServer(tls, limits, listener);
  server.maxConnections = connectionsMax;
  server.setTimeout(idleMsMax); // H2
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new Error(`the coordinator cannot serve HTTP at ${host}:${port}: ${error.message}`, { cause: error })),
    );
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port, // Of a server that listens at a port.
    tls: tls !== null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function tlsServer({ cert, key, onRenewed }: NonNullable<HttpOptions["tls"]>, limits: ServerOptions, listener: RequestListener): Server {
  const server = createTlsServer({ ...limits, cert, key }, listener);
  onRenewed?.((renewed) => server.setSecureContext(renewed));
  return server;
}

type Exchange = { readonly incoming: IncomingMessage; readonly response: ServerResponse };

type Answering = Pick<HttpOptions, "routes" | "log" | "identify" | "onAnswered">;

async function answer({ incoming, response }: Exchange, options: Answering): Promise<void> {
  const { routes, log, onAnswered } = options;
  let answering = { name: "", method: "" };
  response.once("close", () => onAnswered?.(answering.name, answering.method, response.statusCode));
  try {
    const url = urlOf(incoming);
    const route = routes.find(({ path }) => path.test(url.pathname)); // H1
    if (route === undefined) throw new HttpError(404, "there is nothing here");
    const method = incoming.method ?? "";
    if (!route.methods.includes(method)) throw new HttpError(405, `${route.name} answers ${route.methods.join(", ")}`);
    answering = { name: route.name, method };
    const principal = await admit(`${method} ${route.name}`, incoming, options);
    await route.handle({ incoming, response, url, principal });
  } catch (error) {
    // Whoever has left is told nothing, and it is nobody's failure.
    if (response.destroyed || (incoming.destroyed && !incoming.complete)) return void response.destroy();
    const status = error instanceof HttpError ? error.status : 500;
    if (status === 500) log.error({ event: "http.failed", path: pathOf(incoming), err: errorField(error) }, "a request failed");
    refuse(response, status, error instanceof HttpError ? error.message : "the coordinator failed; its log says how");
  }
}

/** A route that is in no row of the table is refused. */
async function admit(action: string, { headers, socket }: IncomingMessage, { identify }: Answering): Promise<Principal | null> {
  if (!isAction(action)) throw new HttpError(403, `${action} is in no row of the table of permissions`);
  if (isOpen(action)) return null;
  try {
    const principal = (await identify?.(headers.authorization, `${socket.remoteAddress}:${socket.remotePort}`)) ?? null;
    authorize(principal, action);
    return principal;
  } catch (error) {
    if (error instanceof ControlError) throw new HttpError(httpStatusOf(error), error.message);
    throw error;
  }
}

function httpStatusOf({ code }: ControlError): number {
  if (code === "denied") return 403;
  return code === "unauthenticated" ? 401 : 503;
}

function urlOf(incoming: IncomingMessage): URL {
  try {
    return new URL(incoming.url ?? "/", "http://coordinator");
  } catch {
    throw new HttpError(400, "this is no address");
  }
}

/** Without what was signed: it would let others in. */
function pathOf(incoming: IncomingMessage): string {
  return (incoming.url ?? "").split("?", 1)[0] ?? "";
}

function refuse(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // What is left of a body is not waited for.
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" }).end(`${message}\n`);
}
