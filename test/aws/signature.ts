// Who sent a request, by its signature (AWS Signature Version 4), in headers or in the query of a presigned URL.
//
// G1. What is signed is what arrived: the raw path, every parameter, and the headers that the client says it signed.
// G2. `host` and every `x-amz-` header must be among them, so that nothing can be added to a signed request.
// G3. Temporary credentials come with their session token, and end.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Refusal } from "./refusal.ts";

export type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string };

export type Identity = Credentials & {
  /** Only temporary credentials have one, and an end. */
  readonly session?: { readonly token: string; readonly expiresAtMs: number };
};

export const testCredentials: Credentials = { accessKeyId: "AKIATEST", secretAccessKey: "testsecret" };

/** What the signature said of the body: its SHA-256 in hexadecimal, or one of the words for bodies that are not signed. */
export type Signed = { readonly payload: string; readonly identity: Identity };

export type RawTarget = { readonly path: string; readonly query: readonly (readonly [string, string])[] };

type Problem =
  | "anonymous"
  | "badHeader"
  | "badQuery"
  | "noPayload"
  | "unknownKey"
  | "badToken"
  | "expired"
  | "skewed"
  | "mismatch"
  | "denied";

/** Services say the same thing in different words. */
export type Dialect = "s3" | "json" | "query";

const words: Readonly<Record<Dialect, Readonly<Record<Problem, readonly [number, string]>>>> = {
  s3: {
    anonymous: [403, "AccessDenied"],
    badHeader: [400, "AuthorizationHeaderMalformed"],
    badQuery: [400, "AuthorizationQueryParametersError"],
    noPayload: [400, "InvalidRequest"],
    unknownKey: [403, "InvalidAccessKeyId"],
    badToken: [400, "InvalidToken"],
    expired: [400, "ExpiredToken"],
    skewed: [403, "RequestTimeTooSkewed"],
    mismatch: [403, "SignatureDoesNotMatch"],
    denied: [403, "AccessDenied"],
  },
  json: {
    anonymous: [403, "MissingAuthenticationTokenException"],
    badHeader: [403, "IncompleteSignatureException"],
    badQuery: [403, "IncompleteSignatureException"],
    noPayload: [403, "IncompleteSignatureException"],
    unknownKey: [403, "UnrecognizedClientException"],
    badToken: [403, "UnrecognizedClientException"],
    expired: [403, "ExpiredTokenException"],
    skewed: [403, "InvalidSignatureException"],
    mismatch: [403, "InvalidSignatureException"],
    denied: [403, "InvalidSignatureException"],
  },
  query: {
    anonymous: [403, "MissingAuthenticationToken"],
    badHeader: [400, "IncompleteSignature"],
    badQuery: [400, "IncompleteSignature"],
    noPayload: [400, "IncompleteSignature"],
    unknownKey: [403, "InvalidClientTokenId"],
    badToken: [403, "InvalidClientTokenId"],
    expired: [403, "ExpiredToken"],
    skewed: [403, "SignatureDoesNotMatch"],
    mismatch: [403, "SignatureDoesNotMatch"],
    denied: [403, "SignatureDoesNotMatch"],
  },
};

class Unsigned extends Error {
  override readonly name = "Unsigned";
  readonly problem: Problem;

  constructor(problem: Problem, message: string) {
    super(message);
    this.problem = problem;
  }
}

type Claim = {
  readonly accessKeyId: string;
  readonly scope: { readonly date: string; readonly region: string; readonly service: string };
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20260102T030405Z` */
  readonly timestamp: string;
  readonly payload: string | undefined;
  readonly sessionToken: string | undefined;
};

export type SignatureOptions = {
  /** Names of the services that a signature may be for. */
  readonly services: readonly string[];
  readonly dialect: Dialect;
  readonly find: (accessKeyId: string) => Identity | undefined;
  readonly now: () => number;
};

const skewMsMax = 15 * 60 * 1000;
const algorithm = "AWS4-HMAC-SHA256";

export class Signatures {
  readonly #options: SignatureOptions;
  readonly #keys = new Map<string, Buffer>();

  constructor(options: SignatureOptions) {
    this.#options = options;
  }

  /**
   * S3 looks at a signature before it takes the body; elsewhere `bodySha256` is what arrived.
   *
   * @throws Refusal
   */
  verify(request: IncomingMessage, target: RawTarget, bodySha256?: string): Signed {
    try {
      return this.#verify(request, target, bodySha256);
    } catch (error) {
      if (!(error instanceof Unsigned)) throw error;
      const [status, code] = words[this.#options.dialect][error.problem];
      throw new Refusal(status, code, error.message);
    }
  }

  #verify(request: IncomingMessage, target: RawTarget, bodySha256: string | undefined): Signed {
    const isPresigned = target.query.some(([name]) => name === "X-Amz-Signature");
    const claim = isPresigned ? presignedClaim(request, target) : headerClaim(request);
    const { date, region, service } = claim.scope;
    if (!this.#options.services.includes(service))
      throw new Unsigned("badHeader", `Credential should be scoped to correct service: ${service}`);
    this.#checkTime(claim, isPresigned ? Number(parameter(target, "X-Amz-Expires")) : null);
    const identity = this.#identityOf(claim);
    checkSignedHeaders(request, claim.signedHeaders);
    const payload = claim.payload ?? bodySha256;
    if (payload === undefined) throw new Unsigned("noPayload", "Missing required header for this request: x-amz-content-sha256");
    const canonical = canonicalRequest(request, { ...target, path: this.#canonicalPath(target.path) }, { ...claim, payload });
    const toSign = [algorithm, claim.timestamp, `${date}/${region}/${service}/aws4_request`, sha256Hex(canonical)].join("\n");
    const expected = createHmac("sha256", this.#keyFor(identity, claim.scope)).update(toSign).digest("hex");
    if (!sameText(expected, claim.signature) || (bodySha256 ?? payload) !== payload) {
      throw new Unsigned("mismatch", "The request signature we calculated does not match the signature you provided.");
    }
    return { payload, identity };
  }

  #identityOf(claim: Claim): Identity {
    const identity = this.#options.find(claim.accessKeyId);
    if (identity === undefined) throw new Unsigned("unknownKey", "The AWS Access Key Id you provided does not exist in our records.");
    if (claim.sessionToken !== identity.session?.token)
      throw new Unsigned("badToken", "The security token included in the request is invalid.");
    if (identity.session !== undefined && this.#options.now() > identity.session.expiresAtMs) {
      throw new Unsigned("expired", "The security token included in the request is expired");
    }
    return identity;
  }

  /** S3 signs a path as it is, the others encode it once more. */
  #canonicalPath(path: string): string {
    return this.#options.dialect === "s3" ? path : path.split("/").map(encode).join("/");
  }

  #checkTime(claim: Claim, expiresSeconds: number | null): void {
    const at = parseTimestamp(claim.timestamp);
    const now = this.#options.now();
    if (!claim.timestamp.startsWith(claim.scope.date)) throw new Unsigned("mismatch", "The date is not the scope's.");
    if (expiresSeconds === null) {
      if (Math.abs(now - at) > skewMsMax) {
        throw new Unsigned("skewed", "The difference between the request time and the current time is too large.");
      }
      return;
    }
    if (!(expiresSeconds >= 1 && expiresSeconds <= 604_800)) throw new Unsigned("badQuery", "X-Amz-Expires");
    if (at - now > skewMsMax) throw new Unsigned("denied", "Request is not valid yet");
    if (now > at + expiresSeconds * 1000) throw new Unsigned("denied", "Request has expired");
  }

  #keyFor({ accessKeyId, secretAccessKey }: Credentials, { date, region, service }: Claim["scope"]): Buffer {
    const name = `${accessKeyId}/${date}/${region}/${service}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    let key = Buffer.from(`AWS4${secretAccessKey}`);
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
  if (found === null) throw new Unsigned("anonymous", "Anonymous requests are not allowed.");
  const [, credential = "", headers = "", signature = ""] = found;
  const payload = headerOf(request, "x-amz-content-sha256");
  const timestamp = headerOf(request, "x-amz-date") ?? "";
  const sessionToken = headerOf(request, "x-amz-security-token");
  return { ...parseCredential(credential), signedHeaders: headers.split(";"), signature, timestamp, payload, sessionToken };
}

function presignedClaim(request: IncomingMessage, target: RawTarget): Claim {
  const of = (name: string): string => {
    const value = parameter(target, name);
    if (value === undefined) throw new Unsigned("badQuery", `${name} is missing`);
    return value;
  };
  if (of("X-Amz-Algorithm") !== algorithm) throw new Unsigned("badQuery", "X-Amz-Algorithm");
  return {
    ...parseCredential(of("X-Amz-Credential")),
    signedHeaders: of("X-Amz-SignedHeaders").split(";"),
    signature: of("X-Amz-Signature"),
    timestamp: of("X-Amz-Date"),
    payload: parameter(target, "X-Amz-Content-Sha256") ?? headerOf(request, "x-amz-content-sha256") ?? "UNSIGNED-PAYLOAD",
    sessionToken: parameter(target, "X-Amz-Security-Token"),
  };
}

function parseCredential(credential: string): Pick<Claim, "accessKeyId" | "scope"> {
  const [accessKeyId, date, region, service, end] = credential.split("/");
  const isWhole =
    accessKeyId !== undefined && date !== undefined && region !== undefined && service !== undefined && end === "aws4_request";
  if (!isWhole) throw new Unsigned("badHeader", "The credential is malformed.");
  return { accessKeyId, scope: { date, region, service } };
}

function checkSignedHeaders(request: IncomingMessage, signed: readonly string[]): void {
  const needed = Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"));
  for (const name of ["host", ...needed]) {
    if (!signed.includes(name)) throw new Unsigned("denied", `There were headers present in the request which were not signed: ${name}`);
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
  if (found === null) throw new Unsigned("anonymous", "AWS authentication requires a valid Date or x-amz-date header");
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
