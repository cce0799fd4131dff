// Who sent a request, by its signature (AWS Signature Version 4), in headers or in the query of a presigned URL.
//
// G1. What is signed is what arrived: the raw path, every parameter, and the headers that the client says it signed.
// G2. `host` and every `x-amz-` header must be among them, so that nothing can be added to a signed request.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Refusal } from "./refusal.ts";

export type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string };

/** What the signature said of the body: its SHA-256 in hexadecimal, or one of the words for bodies that are not signed. */
export type Signed = { readonly payload: string };

export type RawTarget = { readonly path: string; readonly query: readonly (readonly [string, string])[] };

type Claim = {
  readonly accessKeyId: string;
  readonly scope: { readonly date: string; readonly region: string; readonly service: string };
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20260102T030405Z` */
  readonly timestamp: string;
  readonly payload: string;
};

const skewMsMax = 15 * 60 * 1000;
const algorithm = "AWS4-HMAC-SHA256";

export class Signatures {
  readonly #credentials: Credentials;
  readonly #now: () => number;
  readonly #keys = new Map<string, Buffer>();

  constructor(credentials: Credentials, now: () => number) {
    this.#credentials = credentials;
    this.#now = now;
  }

  /** @throws Refusal */
  verify(request: IncomingMessage, target: RawTarget): Signed {
    const isPresigned = target.query.some(([name]) => name === "X-Amz-Signature");
    const claim = isPresigned ? presignedClaim(request, target) : headerClaim(request);
    this.#checkTime(claim, isPresigned ? Number(parameter(target, "X-Amz-Expires")) : null);
    if (claim.accessKeyId !== this.#credentials.accessKeyId) {
      throw new Refusal(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.");
    }
    checkSignedHeaders(request, claim.signedHeaders);
    const canonical = canonicalRequest(request, target, claim);
    const { date, region, service } = claim.scope;
    const toSign = [algorithm, claim.timestamp, `${date}/${region}/${service}/aws4_request`, sha256Hex(canonical)].join("\n");
    const expected = createHmac("sha256", this.#keyFor(claim.scope)).update(toSign).digest("hex");
    if (!sameText(expected, claim.signature)) {
      throw new Refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.");
    }
    return { payload: claim.payload };
  }

  #checkTime(claim: Claim, expiresSeconds: number | null): void {
    const at = parseTimestamp(claim.timestamp);
    const now = this.#now();
    if (!claim.timestamp.startsWith(claim.scope.date)) throw new Refusal(403, "SignatureDoesNotMatch", "The date is not the scope's.");
    if (expiresSeconds === null) {
      if (Math.abs(now - at) > skewMsMax) {
        throw new Refusal(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.");
      }
      return;
    }
    if (!(expiresSeconds >= 1 && expiresSeconds <= 604_800)) throw new Refusal(400, "AuthorizationQueryParametersError", "X-Amz-Expires");
    if (at - now > skewMsMax) throw new Refusal(403, "AccessDenied", "Request is not valid yet");
    if (now > at + expiresSeconds * 1000) throw new Refusal(403, "AccessDenied", "Request has expired");
  }

  #keyFor({ date, region, service }: Claim["scope"]): Buffer {
    const name = `${date}/${region}/${service}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    let key = Buffer.from(`AWS4${this.#credentials.secretAccessKey}`);
    for (const word of [date, region, service, "aws4_request"]) key = createHmac("sha256", key).update(word).digest();
    this.#keys.set(name, key);
    return key;
  }
}

export function parseTarget(url: string): RawTarget {
  const at = url.indexOf("?");
  const path = at < 0 ? url : url.slice(0, at);
  const words = at < 0 ? [] : url.slice(at + 1).split("&");
  const query = words
    .filter((word) => word !== "")
    .map((word): readonly [string, string] => {
      const equals = word.indexOf("=");
      if (equals < 0) return [decode(word), ""];
      return [decode(word.slice(0, equals)), decode(word.slice(equals + 1))];
    });
  return { path, query };
}

export function parameter(target: RawTarget, name: string): string | undefined {
  return target.query.find(([known]) => known === name)?.[1];
}

function headerClaim(request: IncomingMessage): Claim {
  const found = /^AWS4-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})$/.exec(
    request.headers.authorization ?? "",
  );
  if (found === null) throw new Refusal(403, "AccessDenied", "Anonymous requests are not allowed.");
  const [, credential = "", headers = "", signature = ""] = found;
  const payload = headerOf(request, "x-amz-content-sha256");
  if (payload === undefined) throw new Refusal(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
  const timestamp = headerOf(request, "x-amz-date") ?? "";
  return { ...parseCredential(credential), signedHeaders: headers.split(";"), signature, timestamp, payload };
}

function presignedClaim(request: IncomingMessage, target: RawTarget): Claim {
  const of = (name: string): string => {
    const value = parameter(target, name);
    if (value === undefined) throw new Refusal(400, "AuthorizationQueryParametersError", `${name} is missing`);
    return value;
  };
  if (of("X-Amz-Algorithm") !== algorithm) throw new Refusal(400, "AuthorizationQueryParametersError", "X-Amz-Algorithm");
  return {
    ...parseCredential(of("X-Amz-Credential")),
    signedHeaders: of("X-Amz-SignedHeaders").split(";"),
    signature: of("X-Amz-Signature"),
    timestamp: of("X-Amz-Date"),
    payload: parameter(target, "X-Amz-Content-Sha256") ?? headerOf(request, "x-amz-content-sha256") ?? "UNSIGNED-PAYLOAD",
  };
}

function parseCredential(credential: string): Pick<Claim, "accessKeyId" | "scope"> {
  const [accessKeyId, date, region, service, end] = credential.split("/");
  const isWhole = accessKeyId !== undefined && date !== undefined && region !== undefined && service === "s3" && end === "aws4_request";
  if (!isWhole) throw new Refusal(400, "AuthorizationHeaderMalformed", "The credential is malformed.");
  return { accessKeyId, scope: { date, region, service } };
}

function checkSignedHeaders(request: IncomingMessage, signed: readonly string[]): void {
  const needed = Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"));
  for (const name of ["host", ...needed]) {
    if (!signed.includes(name))
      throw new Refusal(403, "AccessDenied", `There were headers present in the request which were not signed: ${name}`);
  }
}

function canonicalRequest(request: IncomingMessage, target: RawTarget, claim: Claim): string {
  const query = target.query
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort((a, b) => (a < b ? -1 : 1))
    .join("&");
  const headers = claim.signedHeaders.map((name) => `${name}:${(headerOf(request, name) ?? "").trim().replace(/ +/g, " ")}\n`).join("");
  return [request.method, target.path, query, headers, claim.signedHeaders.join(";"), claim.payload].join("\n");
}

export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

function parseTimestamp(text: string): number {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (found === null) throw new Refusal(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
  const [, year, month, day, hour, minute, second] = found.map(Number);
  return Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
}

function decode(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    throw new Refusal(400, "InvalidURI", "Couldn't parse the specified URI.");
  }
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
