// Where NATS is and who we are there: read from settings and the environment, never from an address that ends up in argv.

import { readFile } from "node:fs/promises";
import { credsAuthenticator, nkeyAuthenticator, type ConnectionOptions } from "nats";
import { unreachable } from "../../../proto/unreachable.ts";
import { NatsQueueError } from "./nats-queue-error.ts";

/** What may stand in a command line or a settings file: no secret. */
export type NatsSettings = {
  /** `nats://host:port` or `tls://host:port`, several separated by commas. */
  readonly url: string;
  readonly caFile?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  readonly credentialsFile?: string;
  readonly nkeyFile?: string;
};

export type NatsLogin =
  | { readonly kind: "none" }
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "credentialsFile"; readonly path: string }
  | { readonly kind: "nkeyFile"; readonly path: string }
  | { readonly kind: "nkeySeed"; readonly seed: string };

export type NatsServers = {
  readonly addresses: readonly string[];
  /** Null: as the server wants it. */
  readonly tls: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string } | null;
  readonly login: NatsLogin;
};

const defaultPort = 4222;

/**
 * The environment holds the secrets: STEPWELL_NATS_USER and STEPWELL_NATS_PASSWORD, STEPWELL_NATS_TOKEN, or
 * STEPWELL_NATS_NKEY_SEED. @throws NatsQueueError
 */
export function natsServers(settings: NatsSettings, environment: Readonly<Record<string, string | undefined>>): NatsServers {
  const urls = settings.url.split(",").map(parseUrl);
  const { caFile, certificateFile, keyFile } = settings;
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw new NatsQueueError("refused", "a client certificate for NATS needs both its file and the file of its key");
  }
  const files = { ...(caFile !== undefined && { caFile }), ...(certificateFile !== undefined && { certFile: certificateFile, keyFile }) };
  const secure = urls.some(({ tls }) => tls) || Object.keys(files).length > 0;
  return {
    addresses: urls.map(({ address }) => address),
    tls: secure ? files : null,
    login: loginOf(settings, environment),
  };
}

function parseUrl(text: string): { readonly address: string; readonly tls: boolean } {
  const trimmed = text.trim();
  const url = URL.parse(trimmed.includes("://") ? trimmed : `nats://${trimmed}`);
  if (url === null || !["nats:", "tls:"].includes(url.protocol) || url.hostname === "" || !/^\/?$/.test(url.pathname)) {
    // An address that is wrong may still hold a password.
    throw new NatsQueueError(
      "refused",
      "the address of NATS is not understood: expected nats://HOST:PORT or tls://HOST:PORT, several with commas",
    );
  }
  if (url.username !== "" || url.password !== "") {
    const hint = "put them into STEPWELL_NATS_USER and STEPWELL_NATS_PASSWORD, or STEPWELL_NATS_TOKEN";
    throw new NatsQueueError("refused", `the address of NATS holds a user or password, which others can see in the command line: ${hint}`);
  }
  return { address: `${url.hostname}:${url.port === "" ? defaultPort : url.port}`, tls: url.protocol === "tls:" };
}

function loginOf(settings: NatsSettings, environment: Readonly<Record<string, string | undefined>>): NatsLogin {
  const user = environment["STEPWELL_NATS_USER"];
  const password = environment["STEPWELL_NATS_PASSWORD"];
  const token = environment["STEPWELL_NATS_TOKEN"];
  const seed = environment["STEPWELL_NATS_NKEY_SEED"];
  if ((user === undefined) !== (password === undefined)) {
    throw new NatsQueueError("refused", "STEPWELL_NATS_USER and STEPWELL_NATS_PASSWORD go together, and one of them is not set");
  }
  const logins: NatsLogin[] = [];
  if (user !== undefined && password !== undefined) logins.push({ kind: "password", user, password });
  if (token !== undefined) logins.push({ kind: "token", token });
  if (settings.credentialsFile !== undefined) logins.push({ kind: "credentialsFile", path: settings.credentialsFile });
  if (settings.nkeyFile !== undefined) logins.push({ kind: "nkeyFile", path: settings.nkeyFile });
  if (seed !== undefined) logins.push({ kind: "nkeySeed", seed });
  if (logins.length > 1) {
    throw new NatsQueueError(
      "refused",
      `NATS gets one login, and there are ${logins.length}: ${logins.map(({ kind }) => kind).join(", ")}`,
    );
  }
  return logins[0] ?? { kind: "none" };
}

/** For one attempt to connect: files are read anew each time, so that renewed ones count. @throws NatsQueueError */
export async function loginOptions(login: NatsLogin): Promise<Pick<ConnectionOptions, "user" | "pass" | "token" | "authenticator">> {
  switch (login.kind) {
    case "none":
      return {};
    case "password":
      return { user: login.user, pass: login.password };
    case "token":
      return { token: login.token };
    case "credentialsFile":
      return { authenticator: credsAuthenticator(await readSecret(login.path, "credentials")) };
    case "nkeyFile":
      return { authenticator: nkeyAuthenticator(trimmed(await readSecret(login.path, "nkey seed"))) };
    case "nkeySeed":
      return { authenticator: nkeyAuthenticator(trimmed(Buffer.from(login.seed))) };
    default:
      return unreachable(login);
  }
}

async function readSecret(path: string, what: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new NatsQueueError("refused", `the file with the ${what} for NATS cannot be read: ${path} (${code})`, { cause: error });
  }
}

function trimmed(seed: Uint8Array): Uint8Array {
  return Buffer.from(Buffer.from(seed).toString("utf8").trim());
}
