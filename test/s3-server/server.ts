// An S3 server for tests, stricter than most: signatures, digests and preconditions are checked as AWS checks them, and what
// it does not know it refuses. It fails on request. Objects are gone when it closes.
//
// V1. A request is looked at (signature, precondition) before its body is taken.
// V2. Under a key there is a whole object or none.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { deleteObjects, listObjects, putSetting, settingOf } from "./bucket-requests.ts";
import { Bucket } from "./buckets.ts";
import type { Answer, BucketCall, ObjectCall } from "./call.ts";
import { Faults, isDoneFirst, type Fault } from "../aws/faults.ts";
import { abortUpload, completeUpload, createUpload, listParts, listUploads, putPart } from "./multipart-requests.ts";
import { attributesOf, copyObject, deleteObject, putObject, putTags, readObject, tagsOf } from "./object-requests.ts";
import { Identities } from "../aws/identities.ts";
import { Refusal } from "../aws/refusal.ts";
import { text } from "../aws/xml.ts";
import { documentOf } from "./document.ts";
import { headerOf, parameter, parseTarget, Signatures, type Credentials, type RawTarget } from "../aws/signature.ts";

export type S3ServerOptions = {
  readonly credentials?: Credentials;
  /** Instead of `credentials`: those who are known to other servers, too. */
  readonly identities?: Identities;
  readonly port?: number;
  /** Address that it listens at; that of this machine alone by default. */
  readonly host?: string;
  /** Made when it starts. */
  readonly bucket?: string;
  readonly seed?: number;
  readonly now?: () => number;
};

export class S3Server implements AsyncDisposable {
  readonly faults: Faults;
  /** Requests that arrived, as `METHOD key` or `METHOD key range`. */
  readonly requests: string[] = [];
  /** Objects that were made or replaced, by key. */
  readonly writes: string[] = [];
  readonly #buckets = new Map<string, Bucket>();
  readonly #folder = mkdtempSync(join(tmpdir(), "stepwell-s3-"));
  readonly #signatures: Signatures;
  readonly #now: () => number;
  readonly #server: Server;

  private constructor(options: S3ServerOptions) {
    this.faults = new Faults(options.seed);
    this.#now = options.now ?? Date.now;
    const identities = options.identities ?? new Identities(options.credentials);
    const find = identities.find.bind(identities);
    this.#signatures = new Signatures({ services: ["s3"], dialect: "s3", find, now: this.#now });
    if (options.bucket !== undefined) this.#buckets.set(options.bucket, new Bucket());
    const handle = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request, response);
    this.#server = createServer({ keepAliveTimeout: 60_000 }, handle);
    this.#server.on("checkContinue", handle);
  }

  static async start(options: S3ServerOptions = {}): Promise<S3Server> {
    const server = new S3Server(options);
    server.#server.listen(options.port ?? 0, options.host ?? "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${address}:${port}`;
  }

  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new Refusal(404, "NoSuchBucket", "The specified bucket does not exist");
    return bucket;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that goes away is its own affair.
    request.on("error", () => {});
    response.on("error", () => {});
    response.setHeader("date", new Date(this.#now()).toUTCString());
    try {
      const target = parseTarget(request.url ?? "/");
      const [bucketName, key] = splitPath(target.path);
      const range = headerOf(request, "range");
      this.requests.push(`${request.method} ${key === "" ? request.url : key}${range === undefined ? "" : ` ${range}`}`);
      const fault = this.faults.next(request.method ?? "", key === "" ? (request.url ?? "") : key);
      if (fault?.kind === "latency") await sleep(fault.ms);
      if (fault !== null && !isDoneFirst(fault)) return await this.#fail(response, fault);
      const answer = await this.#answer({ request, response, target, bucketName, key, fault });
      if (answer.isWrite === true) this.writes.push(key);
      if (fault?.kind === "dropAfter" || fault?.kind === "errorAfter") return await this.#fail(response, fault);
      await send(response, answer, fault);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else await refuse(request, response, error);
    }
  }

  async #fail(response: ServerResponse, fault: Fault): Promise<void> {
    if (fault.kind === "error" || fault.kind === "errorAfter") throw new Refusal(fault.status, fault.code, "A fault that was asked for.");
    if (fault.kind === "hang") return;
    response.socket?.resetAndDestroy();
  }

  async #answer(arrived: Arrived): Promise<Answer> {
    const { request, target, bucketName, key } = arrived;
    const { payload } = this.#signatures.verify(request, target);
    if (bucketName === "") throw new Refusal(501, "NotImplemented", "Listing buckets is not needed here.");
    if (key === "" && request.method === "PUT" && target.query.every(([name]) => name === "x-id")) return this.#createBucket(bucketName);
    const bucket = this.bucket(bucketName);
    const call = { ...arrived, bucket, payload, folder: this.#folder, nowMs: this.#now() };
    return key === "" ? bucketRequest(call) : objectRequest(call, (name) => this.bucket(name));
  }

  #createBucket(name: string): Answer {
    if (this.#buckets.has(name)) throw new Refusal(409, "BucketAlreadyOwnedByYou");
    this.#buckets.set(name, new Bucket());
    return { status: 200, headers: { location: `/${name}` } };
  }
}

type Arrived = Pick<ObjectCall, "request" | "response" | "target" | "bucketName" | "key" | "fault">;

function bucketRequest(call: BucketCall): Answer | Promise<Answer> {
  const { request, target } = call;
  const asks = (name: string): boolean => parameter(target, name) !== undefined;
  const setting = ["lifecycle", "versioning"].find(asks);
  if (request.method === "HEAD") return { status: 200, headers: {} };
  if (request.method === "PUT" && setting !== undefined) return putSetting(call, setting);
  if (request.method === "GET" && setting !== undefined) return settingOf(call, setting);
  if (request.method === "POST" && asks("delete")) return deleteObjects(call);
  if (request.method === "GET" && asks("uploads")) return listUploads(call);
  if (request.method === "GET" && parameter(target, "list-type") === "2") return listObjects(call);
  throw notImplemented(request, target);
}

function objectRequest(call: ObjectCall, bucketNamed: (name: string) => Bucket): Answer | Promise<Answer> {
  const { request, target } = call;
  const asks = (name: string): boolean => parameter(target, name) !== undefined;
  const method: string = request.method ?? "";
  switch (method) {
    case "GET":
      if (asks("tagging")) return tagsOf(call);
      if (asks("attributes")) return attributesOf(call);
      return asks("uploadId") ? listParts(call) : readObject(call);
    case "HEAD":
      return readObject(call);
    case "PUT":
      if (asks("tagging")) return putTags(call);
      if (asks("uploadId")) return putPart(call);
      return headerOf(request, "x-amz-copy-source") === undefined ? putObject(call) : copyObject(call, bucketNamed);
    case "POST":
      if (asks("uploads")) return createUpload(call);
      if (asks("uploadId")) return completeUpload(call);
      throw notImplemented(request, target);
    case "DELETE":
      return asks("uploadId") ? abortUpload(call) : deleteObject(call);
    default:
      throw notImplemented(request, target);
  }
}

function notImplemented(request: IncomingMessage, target: RawTarget): Refusal {
  return new Refusal(501, "NotImplemented", `${request.method} with ${target.query.map(([name]) => name).join(", ")} is not known here`);
}

function splitPath(path: string): readonly [string, string] {
  const slash = path.indexOf("/", 1);
  const [bucket, key] = slash < 0 ? [path.slice(1), ""] : [path.slice(1, slash), path.slice(slash + 1)];
  try {
    return [decodeURIComponent(bucket), decodeURIComponent(key)];
  } catch {
    throw new Refusal(400, "InvalidURI", "Couldn't parse the specified URI.");
  }
}

async function send(response: ServerResponse, { status, headers, body }: Answer, fault: Fault | null): Promise<void> {
  response.writeHead(status, {
    "x-amz-request-id": "test",
    ...headers,
    ...(typeof body === "string" && { "content-type": "application/xml" }),
  });
  if (body === undefined || typeof body === "string") {
    response.end(body);
    return;
  }
  const source = body instanceof Readable ? body : Readable.from([]);
  if (fault?.kind !== "truncate" && fault?.kind !== "flip") return pipeline(source, response);
  let offset = 0;
  const damage = new Transform({
    transform(piece: Buffer, _encoding, done) {
      const begin = offset;
      offset += piece.length;
      if (fault.kind === "truncate") {
        this.push(piece.subarray(0, Math.max(0, fault.afterBytes - begin)));
        // What was let through must be out before the connection ends.
        if (offset > fault.afterBytes) setImmediate(() => response.socket?.destroySoon());
        return offset > fault.afterBytes ? undefined : done();
      }
      const changed = Buffer.from(piece);
      const byte = changed[fault.at - begin];
      if (byte !== undefined) changed[fault.at - begin] = byte ^ 1;
      done(null, changed);
    },
  });
  await pipeline(source, damage, response);
}

async function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> {
  const refusal =
    error instanceof Refusal ? error : new Refusal(500, "InternalError", error instanceof Error ? error.stack : String(error));
  const body = documentOf("Error", text("Code", refusal.code) + text("Message", refusal.message) + text("RequestId", "test"));
  // A client that is still sending sees the answer only if its bytes are taken; one that waits for leave to send is told no.
  const isWaiting = headerOf(request, "expect")?.toLowerCase() === "100-continue";
  response.writeHead(refusal.status, {
    "content-type": "application/xml",
    "x-amz-request-id": "test",
    ...(isWaiting && { connection: "close" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
  if (!isWaiting) request.resume();
}
