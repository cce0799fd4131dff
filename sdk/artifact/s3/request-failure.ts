// Why one request for an object failed, what to do about it, and what to tell people when nothing helped.

import { unreachable } from "../../../proto/unreachable.ts";
import { ArtifactStoreError } from "../store.ts";
import type { StoreProblem } from "../store.ts";

export type FailureReason =
  /** No answer: no name, no connection, silence, a connection that broke. */
  | "unreachable"
  /** Its certificate is signed by nobody who is trusted here, is for another name, or out of date. */
  | "untrusted"
  /** An answer that says "later": throttled, an error inside, somebody else is writing. */
  | "busy"
  /** Bytes changed on their way. */
  | "damaged"
  | "noBucket"
  /** The key is unknown, or signs wrongly. */
  | "wrongKey"
  | "noKey"
  | "denied"
  /** A key or a URL was valid for a while only. */
  | "expired"
  /** The clocks differ. */
  | "skewed"
  /** The server lies in another region. */
  | "wrongRegion"
  | "full"
  /** Anything else: asking again would give the same answer. */
  | "refused";

export class RequestFailure extends Error {
  override readonly name = "RequestFailure";
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** How often one request is worth trying, whatever the time: those that only time can help have no limit here. */
export function triesMax(reason: FailureReason): number {
  switch (reason) {
    case "unreachable":
    case "busy":
      return Infinity;
    case "damaged":
      return 4;
    case "expired":
    case "skewed":
      return 2;
    case "untrusted":
    case "noBucket":
    case "wrongKey":
    case "noKey":
    case "denied":
    case "wrongRegion":
    case "full":
    case "refused":
      return 1;
    default:
      return unreachable(reason);
  }
}

const reasonsByCode: Readonly<Record<string, FailureReason>> = {
  NoSuchBucket: "noBucket",
  InvalidBucketName: "noBucket",
  InvalidAccessKeyId: "wrongKey",
  SignatureDoesNotMatch: "wrongKey",
  InvalidToken: "wrongKey",
  AccessDenied: "denied",
  AllAccessDisabled: "denied",
  ExpiredToken: "expired",
  TokenRefreshRequired: "expired",
  RequestExpired: "expired",
  RequestTimeTooSkewed: "skewed",
  PermanentRedirect: "wrongRegion",
  AuthorizationHeaderMalformed: "wrongRegion",
  IllegalLocationConstraintException: "wrongRegion",
  BadDigest: "damaged",
  XAmzContentSHA256Mismatch: "damaged",
  InvalidDigest: "damaged",
  IncompleteBody: "damaged",
  RequestTimeout: "busy",
  SlowDown: "busy",
  Throttling: "busy",
  ThrottlingException: "busy",
  TooManyRequests: "busy",
  OperationAborted: "busy",
  ConditionalRequestConflict: "busy",
  QuotaExceeded: "full",
  InsufficientStorage: "full",
};

/** What an answer that is no success means. `code` is the server's own word, or empty. */
export function reasonOf(status: number, code: string, message = ""): FailureReason {
  // A presigned URL whose time is over, or has not come, is refused with the same code as one that was never good.
  if (code === "AccessDenied" && /expired/i.test(message)) return "expired";
  if (code === "AccessDenied" && /not (valid yet|yet valid)/i.test(message)) return "skewed";
  const known = reasonsByCode[code];
  if (known !== undefined) return known;
  if (status === 301 || status === 307) return "wrongRegion";
  if (status === 401 || status === 403) return "denied";
  if (status === 507) return "full";
  return status === 408 || status === 409 || status === 425 || status === 429 || status >= 500 ? "busy" : "refused";
}

const problems: Readonly<Record<FailureReason, StoreProblem>> = {
  unreachable: "unreachable",
  busy: "unreachable",
  damaged: "unreachable",
  untrusted: "denied",
  noBucket: "denied",
  wrongKey: "denied",
  noKey: "denied",
  denied: "denied",
  expired: "denied",
  skewed: "denied",
  wrongRegion: "denied",
  full: "full",
  refused: "denied",
};

const advice: Readonly<Record<FailureReason, string>> = {
  unreachable: "see that the endpoint is right and that this machine reaches it, then resume the run",
  busy: "the server did not manage for as long as it was asked; resume the run when it is well",
  damaged: "bytes change on their way: look for a faulty proxy, cable or memory, then resume the run",
  untrusted:
    "name the authority that signs the server's certificate: the coordinator's fingerprint or CA file, NODE_EXTRA_CA_CERTS for others",
  noBucket: "make the bucket, or correct its name",
  wrongKey: "the key is unknown there or its secret is wrong: correct the credentials (AWS_ACCESS_KEY_ID, profile, role)",
  noKey: "give credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role of the machine",
  denied: "allow these credentials s3:GetObject and s3:PutObject there, and s3:ListBucket on the bucket",
  expired: "renew the credentials (`aws sso login`, or a new session), then resume the run",
  skewed: "set the clocks: that of this machine, or of the coordinator that signs its URLs, differs too much from the server's",
  wrongRegion: "name the bucket's own region (AWS_REGION, or ?region= in the store's address)",
  full: "the bucket's quota is used up: raise it or free some space, then resume the run",
  refused: "see that the server speaks S3 and allows this request",
};

/** @param what the blob, and what was to happen to it: `blob 12ab… could not be read` */
export function explain(what: string, place: string, failure: RequestFailure): ArtifactStoreError {
  const message = `${what} (${place}): ${failure.message}; ${advice[failure.reason]}`;
  return new ArtifactStoreError(problems[failure.reason], message, { cause: failure });
}

const networkCodes = /^(E[A-Z]+|UND_ERR_.*|ERR_SOCKET.*|ERR_SSL.*|ERR_TLS.*|ERR_STREAM_PREMATURE_CLOSE)$/;
const trustCodes = /^(CERT_.*|UNABLE_TO_.*|DEPTH_ZERO.*|SELF_SIGNED.*|ERR_TLS_CERT_ALTNAME_INVALID)$/;

/** An error of the connection as a failure; those that are one already stay as they are, and others are bugs and stay too. */
export function connectionFailure(error: unknown): unknown {
  if (error instanceof RequestFailure || !(error instanceof Error)) return error;
  const code = "code" in error ? String(error.code) : "";
  if (trustCodes.test(code)) return new RequestFailure("untrusted", error.message, { cause: error });
  const isNetwork = networkCodes.test(code) || ["TimeoutError", "AbortError"].includes(error.name) || error.message === "aborted";
  if (!isNetwork) return error;
  return new RequestFailure("unreachable", error.message === "" ? code : error.message, { cause: error });
}
