// What AWS refuses, as an error that says what to do.

import { CliError } from "../cli-error.ts";

/** What was being done, like "the stack could not be changed". */
export async function asking<Answer>(what: string, call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    throw awsError(what, error);
  }
}

function awsError(what: string, error: unknown): CliError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const whole = `${what}: ${message}`;
  if (name === "CredentialsProviderError" || /could not load credentials/i.test(message)) {
    const hint = "sign in (`aws sso login`, `aws configure`), or set AWS_PROFILE";
    return new CliError("unauthorized", `${what}: there are no credentials for AWS`, { hint, cause: error });
  }
  if (/region is missing/i.test(message)) {
    return new CliError("badValue", `${what}: no region is given`, { hint: "--region eu-west-1, or AWS_REGION", cause: error });
  }
  if (/^(ExpiredToken|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|InvalidSignature|RequestExpired)/.test(name)) {
    return new CliError("unauthorized", whole, { hint: "sign in again: these credentials count no more", cause: error });
  }
  if (/^AccessDenied|^UnauthorizedOperation/.test(name)) {
    return new CliError("unauthorized", whole, { hint: "whoever these credentials belong to needs the right for it", cause: error });
  }
  if (name === "ValidationError" || /^InsufficientCapabilities|^LimitExceeded|^AlreadyExists/.test(name)) {
    return new CliError("badValue", whole, { cause: error });
  }
  return new CliError("unavailable", whole, { hint: "try again; `stepwell aws status` shows what there is", cause: error });
}
