// What went wrong with data in S3, for the person who must act: which key, why, and what to do.

import type { FailureReason, RequestFailure } from "../artifact/s3/request-failure.ts";

export type S3Problem =
  /** There is no such object. */
  | "missing"
  | "noBucket"
  | "denied"
  /** No credentials, or some that are not good (any more). */
  | "credentials"
  | "wrongRegion"
  /** A root, key or URL that can be none. */
  | "address"
  /** The bytes asked for are not all there. */
  | "range"
  /** Somebody else wrote the object while it was read. */
  | "changed"
  /** This machine's disk, or the bucket, is full. */
  | "full"
  | "unreachable"
  /** Used after it was closed. */
  | "closed"
  /** Anything else that asking again would not change. */
  | "refused";

export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly problem: S3Problem;
  /** Of what it was about: `s3://BUCKET/KEY`. Null where there is none. */
  readonly url: string | null;

  constructor(problem: S3Problem, message: string, { url = null, cause }: { readonly url?: string | null; readonly cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.problem = problem;
    this.url = url;
  }
}

const problems: Readonly<Record<FailureReason, S3Problem>> = {
  unreachable: "unreachable",
  busy: "unreachable",
  damaged: "unreachable",
  untrusted: "unreachable",
  noBucket: "noBucket",
  wrongKey: "credentials",
  noKey: "credentials",
  denied: "denied",
  expired: "credentials",
  skewed: "credentials",
  wrongRegion: "wrongRegion",
  full: "full",
  refused: "refused",
};

const stepsHaveNoKeys =
  "a step has no keys but its own: give its machine or container a role, or name a profile with @environment({ vars: { AWS_PROFILE: … } })";

const advice: Readonly<Record<FailureReason, string>> = {
  unreachable: "see that the endpoint is right and that this machine reaches it",
  busy: "the server did not manage for as long as it was asked; try again when it is well",
  damaged: "bytes change on their way: look for a faulty proxy, cable or memory",
  untrusted: "name the authority that signs the server's certificate in NODE_EXTRA_CA_CERTS",
  noBucket: "make the bucket, or correct its name",
  wrongKey: "the key is unknown there or its secret is wrong: correct the credentials (AWS_ACCESS_KEY_ID, profile, role)",
  noKey: "give credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role of the machine",
  denied:
    "allow these credentials s3:GetObject to read, s3:PutObject to write, and s3:ListBucket to list; without the last, what is not there is denied too",
  expired: "renew the credentials (`aws sso login`, or a new session)",
  skewed: "set this machine's clock: it differs too much from the server's",
  wrongRegion: "name the bucket's own region: ?region= in the root, or AWS_REGION",
  full: "the bucket's quota is used up: raise it or free some space",
  refused: "see that the server speaks S3 and allows this request",
};

/** @param what what was to happen, and to which URL: `s3://bucket/key could not be read` */
export function explain(
  what: string,
  failure: RequestFailure,
  { url, inStep, rights }: { readonly url: string; readonly inStep: boolean; readonly rights?: string },
): S3Error {
  const { reason, message } = failure;
  const toDo = reason === "denied" && rights !== undefined ? rights : advice[reason];
  const more = inStep && reason === "noKey" ? `; ${stepsHaveNoKeys}` : "";
  return new S3Error(problems[reason], `${what}: ${message}; ${toDo}${more}`, { url, cause: failure });
}

export function missing(url: string): S3Error {
  return new S3Error("missing", `there is no ${url}; correct the key, or pass { allowMissing: true } where it may be absent`, { url });
}
