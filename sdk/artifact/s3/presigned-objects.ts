// Objects that are read and written over URLs which somebody grants, one for each request.
//
// U1. Requests that come together are granted together.
// U2. A URL is used once: another try asks for another, so that none is used after its time.

import { once } from "node:events";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import type { BlobGrant, BlobRequest } from "../../../proto/blobs.ts";
import { blobRequestsMax } from "../../../proto/blobs.ts";
import type { Sha256 } from "../../../proto/ids.ts";
import { parseContentRange, sha256Of, md5Of } from "./aws-objects.ts";
import type { BlobObjects, ObjectBody, ObjectFacts, ObjectName, ObjectRange, ObjectWrite } from "./objects.ts";
import { connectionFailure, reasonOf, RequestFailure } from "./request-failure.ts";

/** One grant for each request, in order. It may throw RequestFailure to be asked again, and anything else to end the matter. */
export type GrantBlobs = (requests: readonly BlobRequest[]) => Promise<readonly BlobGrant[]>;

/** Sends a request; who has certificates of its own to check brings its own. */
export type SendRequest = (url: URL, options: RequestOptions) => ClientRequest;

export type PresignedOptions = {
  readonly send: SendRequest;
  /** A connection over which nothing goes for so long is given up. */
  readonly idleMs: number;
  /** For errors. */
  readonly place: string;
};

type Asked = { readonly request: BlobRequest; readonly resolve: (grant: BlobGrant) => void; readonly reject: (error: unknown) => void };

/** Of an error's document. Bytes. */
const refusalBytesMax = 64 * 1024;

export class PresignedObjects implements BlobObjects {
  readonly place: string;
  readonly #grant: GrantBlobs;
  readonly #options: PresignedOptions;
  #asked: Asked[] = [];

  constructor(grant: GrantBlobs, options: PresignedOptions) {
    this.#grant = grant;
    this.#options = options;
    this.place = options.place;
  }

  async read(name: ObjectName, { from, to }: ObjectRange, pieceOf?: Sha256): Promise<ObjectBody | null> {
    const { sha256, part } = name;
    const request: BlobRequest =
      part === "list" ? { kind: "getList", sha256 } : { kind: "get", sha256, ...(pieceOf !== undefined && { of: pieceOf }) };
    const range = from === 0 && to === null ? {} : { range: `bytes=${from}-${to === null ? "" : to - 1}` };
    const answer = await this.#send("GET", request, { headers: range });
    const { statusCode: status = 0, headers } = answer;
    if (status === 404) return cancelled(answer, null);
    if (status === 416) return cancelled(answer, { size: 0, offset: 0, body: answer, cancel: () => {} });
    if (status !== 200 && status !== 206) throw await refusalOf(answer);
    const place = parseContentRange(headers["content-range"]) ?? { offset: 0, size: Number(headers["content-length"] ?? 0) };
    return { ...place, body: answer, cancel: () => void answer.destroy() };
  }

  async look({ sha256, part }: ObjectName): Promise<ObjectFacts | null> {
    const answer = await this.#send("HEAD", { kind: "head", sha256, ...(part === "list" && { list: true }) });
    const { statusCode: status = 0, headers } = answer;
    answer.resume();
    if (status === 404) return null;
    if (status !== 200) throw await refusalOf(answer);
    const checksum = headers["x-amz-checksum-sha256"];
    const modified = Date.parse(headers["last-modified"] ?? "");
    return {
      size: Number(headers["content-length"] ?? 0),
      sha256: sha256Of(typeof checksum === "string" ? checksum : undefined),
      md5: md5Of(headers.etag),
      modifiedAtMs: Number.isNaN(modified) ? null : modified,
    };
  }

  async write({ sha256, part }: ObjectName, { bytes, checksum, replace }: ObjectWrite): Promise<"written" | "exists"> {
    const size = bytes.length;
    const over = replace ? { replace } : {};
    const request: BlobRequest =
      part === "bytes" ? { kind: "put", sha256, size, ...over } : { kind: "putList", sha256, size, checksum, ...over };
    const answer = await this.#send("PUT", request, { headers: { "content-length": String(size) }, bytes });
    const { statusCode: status = 0 } = answer;
    if (status === 412 || (status >= 200 && status < 300)) {
      answer.resume();
      return status === 412 ? "exists" : "written";
    }
    throw await refusalOf(answer);
  }

  async #send(
    method: string,
    asked: BlobRequest,
    { headers, bytes }: { readonly headers?: Readonly<Record<string, string>>; readonly bytes?: Uint8Array } = {},
  ): Promise<IncomingMessage> {
    const grant = await this.#granted(asked);
    const request = this.#options.send(new URL(grant.url), { method, headers: { ...grant.headers, ...headers } });
    const { idleMs } = this.#options;
    request.setTimeout(idleMs, () => request.destroy(new RequestFailure("unreachable", `nothing came for ${idleMs / 1000} s`)));
    request.end(bytes);
    try {
      // It rejects when the request errs instead.
      const [answer] = (await once(request, "response")) as [IncomingMessage];
      // After the answer, who reads it sees that it broke off.
      request.on("error", () => {});
      answer.on("error", () => {});
      return answer;
    } catch (error) {
      throw connectionFailure(error);
    }
  }

  /** Asked for with all others that are asked for in the same turn of the event loop. (U1) */
  #granted(request: BlobRequest): Promise<BlobGrant> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ request, resolve, reject });
      if (this.#asked.length === 1) setImmediate(() => this.#ask());
    });
  }

  #ask(): void {
    const asked = this.#asked;
    this.#asked = [];
    for (let at = 0; at < asked.length; at += blobRequestsMax) void this.#askFor(asked.slice(at, at + blobRequestsMax));
  }

  async #askFor(asked: readonly Asked[]): Promise<void> {
    try {
      const grants = await this.#grant(asked.map(({ request }) => request));
      for (const [at, { resolve, reject }] of asked.entries()) {
        const grant = grants[at];
        if (grant === undefined) reject(new Error("fewer URLs were granted than were asked for"));
        else resolve(grant);
      }
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}

/** The answer's document isn't of interest, but its connection is. */
function cancelled<Result>(answer: IncomingMessage, result: Result): Result {
  answer.resume();
  return result;
}

async function refusalOf(answer: IncomingMessage): Promise<RequestFailure> {
  let text = "";
  try {
    for await (const piece of answer as AsyncIterable<Buffer>) {
      text += piece.toString();
      if (text.length > refusalBytesMax) break;
    }
  } catch {
    // What came of it says more than that it broke off.
  }
  const status = answer.statusCode ?? 0;
  const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? "";
  const message = /<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? (code === "" ? text.slice(0, 200).trim() : "");
  const words = [String(status), code, message === "" ? "" : `(${message})`].filter((word) => word !== "");
  return new RequestFailure(reasonOf(status, code, message), words.join(" "));
}
