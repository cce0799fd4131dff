// URLs that let whoever has one do one thing with one blob for a while. Nothing is remembered: a URL carries its own proof.
//
// U1. What is signed is all that a request may vary: method, blob, content, and until when. A blob that is written again stays what it is.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { parseSha256, type Sha256 } from "../../../proto/ids.ts";
import { HttpError } from "./http-server.ts";

/** `list`: that of the pieces that a large blob came in. */
type BlobPart = "bytes" | "list";

export type SignedAccess = { readonly sha256: Sha256; readonly part: BlobPart } & (
  | { readonly method: "GET" | "HEAD" }
  /** `checksum` is the SHA-256 of the body. */
  | { readonly method: "PUT"; readonly size: number; readonly checksum: Sha256 }
);

/** How long a URL is good for: a request that has begun goes on. Milliseconds. */
export const urlLifetimeMs = 10 * 60 * 1000;

/** `/blobs/SHA256`, and `/blobs/SHA256/pieces` for the list. */
export const blobPath = /^\/blobs\/([0-9a-f]{64})(\/pieces)?$/;

export class SignedUrls {
  /** Not kept: after a restart URLs are asked for again. */
  readonly #key = randomBytes(32);
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Without a host. */
  sign(access: SignedAccess): string {
    const untilMs = this.#nowMs() + urlLifetimeMs;
    const query = new URLSearchParams({ until: String(untilMs) });
    if (access.method === "PUT") {
      query.set("size", String(access.size));
      if (access.checksum !== access.sha256) query.set("checksum", access.checksum);
    }
    query.set("proof", this.#proofOf(access, untilMs).toString("base64url"));
    return `/blobs/${access.sha256}${access.part === "list" ? "/pieces" : ""}?${query.toString()}`;
  }

  /** @throws HttpError */
  verify(method: string, url: URL): SignedAccess {
    const access = accessOf(method, url);
    const untilMs = Number(url.searchParams.get("until"));
    const proof = Buffer.from(url.searchParams.get("proof") ?? "", "base64url");
    const wanted = this.#proofOf(access, untilMs);
    if (proof.length !== wanted.length || !timingSafeEqual(proof, wanted)) throw new HttpError(403, "this URL is none that was granted");
    if (!(this.#nowMs() < untilMs)) throw new HttpError(403, "this URL has expired: ask the coordinator for another");
    return access;
  }

  /** U1 */
  #proofOf(access: SignedAccess, untilMs: number): Buffer {
    const content = access.method === "PUT" ? `${access.size} ${access.checksum}` : "";
    const text = [access.method, access.sha256, access.part, content, untilMs].join("\n");
    return createHmac("sha256", this.#key).update(text).digest();
  }
}

/** What a request says that it wants: whether that was granted is another question. @throws HttpError */
function accessOf(method: string, { pathname, searchParams }: URL): SignedAccess {
  const [, name = "", pieces] = blobPath.exec(pathname) ?? [];
  const blob = { sha256: parseSha256(name), part: pieces === undefined ? "bytes" : "list" } as const;
  if (method === "GET" || method === "HEAD") return { ...blob, method };
  if (method !== "PUT") throw new HttpError(405, "a blob is read or written");
  const checksum = searchParams.get("checksum") ?? name;
  if (!/^[0-9a-f]{64}$/.test(checksum)) throw new HttpError(400, "the checksum is a SHA-256");
  const size = Number(searchParams.get("size"));
  return { ...blob, method, size, checksum: parseSha256(checksum) };
}
