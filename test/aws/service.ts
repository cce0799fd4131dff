// A server of AWS for tests, but for what it does: takes requests, verifies who sent them, fails on request, answers.

import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Faults, isDoneFirst, type CallFault } from "./faults.ts";
import { Refusal } from "./refusal.ts";
import { parseTarget, Signatures, type Identity, type RawTarget, type SignatureOptions } from "./signature.ts";

export type Call = {
  readonly request: IncomingMessage;
  readonly target: RawTarget;
  readonly body: string;
  readonly identity: Identity;
};

export type Answer = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string };

export type ServiceOptions = {
  readonly signatures: SignatureOptions;
  readonly bodyBytesMax: number;
  readonly seed: number;
  /** The name of the operation; a request that has none is refused. */
  readonly operationOf: (request: IncomingMessage, target: RawTarget, body: string) => string;
  readonly answer: (operation: string, call: Call) => Answer | Promise<Answer>;
  readonly refuse: (refusal: Refusal, requestId: string) => Answer;
  /** Requests that need no signature, such as those for credentials. */
  readonly unsigned?: (request: IncomingMessage, target: RawTarget) => Answer | null;
};

export class Service {
  readonly faults: Faults<CallFault>;
  /** Names of the operations that were asked for, also of those that failed. */
  readonly operations: string[] = [];
  readonly #options: ServiceOptions;
  readonly #signatures: Signatures;
  readonly #server: Server;

  constructor(options: ServiceOptions) {
    this.faults = new Faults(options.seed);
    this.#options = options;
    this.#signatures = new Signatures(options.signatures);
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => void this.#handle(request, response));
  }

  async listen(port: number, host: string): Promise<void> {
    this.#server.listen(port, host);
    await once(this.#server, "listening");
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${address}:${port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that goes away is its own affair.
    request.on("error", () => {});
    response.on("error", () => {});
    const requestId = randomUUID();
    try {
      const answer = await this.#answer(request);
      if (answer === "hang") return;
      if (answer === "reset") response.socket?.resetAndDestroy();
      else this.#send(response, answer, requestId);
    } catch (error) {
      const refusal =
        error instanceof Refusal ? error : new Refusal(500, "InternalFailure", error instanceof Error ? error.stack : String(error));
      this.#send(response, this.#options.refuse(refusal, requestId), requestId);
    }
  }

  #send(response: ServerResponse, { status, headers, body }: Answer, requestId: string): void {
    const date = new Date(this.#options.signatures.now()).toUTCString();
    response.writeHead(status, { "x-amzn-requestid": requestId, date, "content-length": Buffer.byteLength(body), ...headers });
    response.end(body);
  }

  async #answer(request: IncomingMessage): Promise<Answer | "hang" | "reset"> {
    const body = await receive(request, this.#options.bodyBytesMax);
    const target = parseTarget(request.url ?? "/");
    const open = this.#options.unsigned?.(request, target) ?? null;
    if (open !== null) return open;
    const { identity } = this.#signatures.verify(request, target, createHash("sha256").update(body).digest("hex"));
    const operation = this.#options.operationOf(request, target, body);
    this.operations.push(operation);
    const fault = this.faults.next(request.method ?? "", `${operation} ${body}`);
    if (fault?.kind === "latency") await sleep(fault.ms);
    if (fault !== null && !isDoneFirst(fault)) return failure(fault);
    const answer = await this.#options.answer(operation, { request, target, body, identity });
    return fault === null || fault.kind === "latency" ? answer : failure(fault);
  }
}

function failure(fault: CallFault): Answer | "hang" | "reset" {
  if (fault.kind === "hang") return "hang";
  if (fault.kind !== "error" && fault.kind !== "errorAfter") return "reset";
  if (fault.kind === "error" && fault.isPage === true) {
    const body = `<html><body><h1>${fault.status} ${fault.code}</h1></body></html>`;
    return { status: fault.status, headers: { "content-type": "text/html" }, body };
  }
  throw new Refusal(fault.status, fault.code, "A fault that was asked for.");
}

async function receive(request: IncomingMessage, bytesMax: number): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size <= bytesMax) pieces.push(piece);
  }
  if (size > bytesMax) throw new Refusal(413, "RequestEntityTooLargeException", `Request size exceeded ${bytesMax} bytes`);
  return Buffer.concat(pieces).toString("utf8");
}
