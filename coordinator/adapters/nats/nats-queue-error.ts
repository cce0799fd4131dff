// Why NATS cannot be the task queue, for the person who can change it.

import type { NatsError } from "nats";

/** `unreachable` may pass by itself; `refused` lasts until somebody changes a setting. */
export type NatsProblem = "unreachable" | "refused";

export class NatsQueueError extends Error {
  override readonly name = "NatsQueueError";
  readonly problem: NatsProblem;

  constructor(problem: NatsProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

/** Codes of Node and of the client for a server that isn't there, or not yet, or no more. */
const passing: ReadonlySet<unknown> = new Set([
  "CONNECTION_REFUSED",
  "CONNECTION_CLOSED",
  "CONNECTION_TIMEOUT",
  "CONNECTION_DRAINING",
  "DISCONNECT",
  "TIMEOUT",
  "503",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
]);

/** JetStream's number for it. */
const accountWithoutJetStream = 10039;

/** What connecting threw. The client's own words for it are kept where they say more than the code. */
export function connectError(error: unknown, servers: string): NatsQueueError {
  if (error instanceof NatsQueueError) return error;
  if (apiCodeOf(error) === accountWithoutJetStream) {
    const hint = "put `jetstream: enabled` into the account in the server's configuration";
    return new NatsQueueError("refused", `NATS at ${servers} has no JetStream for this login: ${hint}`, { cause: error });
  }
  const code = codeOf(error);
  const said = textOf(error);
  const options = { cause: error };
  switch (code) {
    case "TIMEOUT":
    case "CONNECTION_TIMEOUT":
      return new NatsQueueError(
        "unreachable",
        `NATS at ${servers} does not answer (a server that asks for a client certificate is silent too)`,
        options,
      );
    case "AUTHORIZATION_VIOLATION":
    case "BAD_AUTHENTICATION":
    case "AUTHENTICATION_EXPIRED":
    case "AUTHENTICATION_TIMEOUT":
    case "ACCOUNT_EXPIRED":
    case "BAD_CREDS": {
      const hint = "give the user and password, token, credentials file or nkey seed that the server knows";
      return new NatsQueueError("refused", `NATS at ${servers} refuses the login (${said}): ${hint}`, options);
    }
    case "PERMISSIONS_VIOLATION": {
      const hint = "its user needs to publish $JS.API.>, $JS.ACK.> and the subjects of the prefix, and to subscribe to _INBOX.>";
      return new NatsQueueError("refused", `NATS at ${servers} forbids what the task queue needs (${said}): ${hint}`, options);
    }
    default:
      break;
  }
  if (passing.has(code)) return new NatsQueueError("unreachable", `NATS at ${servers} cannot be reached (${said})`, options);
  const hint = "look at the address, and at the files for TLS (certificate authority, certificate, key)";
  return new NatsQueueError("refused", `no connection to NATS at ${servers} (${said}): ${hint}`, options);
}

/** The number that JetStream gives an error of its own, such as 10059 for a stream that isn't there. */
export function apiCodeOf(error: unknown): number | null {
  if (!(error instanceof Error) || !("api_error" in error)) return null;
  return (error as NatsError).api_error?.err_code ?? null;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : null;
}

export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== "") return error.message;
  const code = codeOf(error);
  return typeof code === "string" ? code : error.name;
}
