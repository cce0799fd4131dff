// Where NATS is and who we are there: read from settings and the environment, never from an address that ends up in argv.

import { readFile } from "node:fs/promises";
import { credsAuthenticator, nkeyAuthenticator, type ConnectionOptions } from "nats";
import { unreachable } from "../../../proto/unreachable.ts";
import { NatsQueueError } from "./nats-queue-error.ts";

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
  /** Copies that a cluster of NATS servers keeps of each stream. */
  readonly replicas: number;
};

type Environment = Readonly<Record<string, string | undefined>>;

const defaultPort = 4222;
const replicasMax = 5;

/**
 * `url` is `nats://host:port` or `tls://host:port`, several separated by commas. The rest is in the environment (docs/nats.md),
 * secrets or the files that hold them: STEPWELL_NATS_USER and _PASSWORD, _TOKEN, _NKEY_SEED, _NKEY_FILE, _CREDENTIALS_FILE; for TLS
 * _CA_FILE, _CERTIFICATE_FILE, _KEY_FILE; and _REPLICAS. @throws NatsQueueError
 */
export function natsServers({ url }: { readonly url: string }, environment: Environment): NatsServers {
  const urls = url.split(",").map(parseUrl);
  const files = tlsFilesOf(environment);
  const secure = urls.some(({ tls }) => tls) || Object.keys(files).length > 0;
  return {
    addresses: urls.map(({ address }) => address),
    tls: secure ? files : null,
    login: loginOf(environment),
    replicas: replicasOf(environment),
  };
}

/** An empty variable is one that is not set. */
function valueOf(environment: Environment, name: string): string | undefined {
  const value = environment[`STEPWELL_NATS_${name}`];
  return value === "" ? undefined : value;
}

function tlsFilesOf(environment: Environment): NonNullable<NatsServers["tls"]> {
  const caFile = valueOf(environment, "CA_FILE");
  const certFile = valueOf(environment, "CERTIFICATE_FILE");
  const keyFile = valueOf(environment, "KEY_FILE");
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new NatsQueueError(
      "refused",
      "STEPWELL_NATS_CERTIFICATE_FILE and STEPWELL_NATS_KEY_FILE go together, and one of them is not set",
    );
  }
  return {
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
  };
}

function replicasOf(environment: Environment): number {
  const text = valueOf(environment, "REPLICAS") ?? "1";
  const replicas = Number(text);
  if (!/^\d$/.test(text) || replicas < 1 || replicas > replicasMax) {
    throw new NatsQueueError("refused", `STEPWELL_NATS_REPLICAS is "${text}": expected a number from 1 to ${replicasMax}`);
  }
  return replicas;
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

function loginOf(environment: Environment): NatsLogin {
  const user = valueOf(environment, "USER");
  const password = valueOf(environment, "PASSWORD");
  const token = valueOf(environment, "TOKEN");
  const seed = valueOf(environment, "NKEY_SEED");
  const nkeyFile = valueOf(environment, "NKEY_FILE");
  const credentialsFile = valueOf(environment, "CREDENTIALS_FILE");
  if ((user === undefined) !== (password === undefined)) {
    throw new NatsQueueError("refused", "STEPWELL_NATS_USER and STEPWELL_NATS_PASSWORD go together, and one of them is not set");
  }
  const logins: NatsLogin[] = [];
  if (user !== undefined && password !== undefined) logins.push({ kind: "password", user, password });
  if (token !== undefined) logins.push({ kind: "token", token });
  if (credentialsFile !== undefined) logins.push({ kind: "credentialsFile", path: credentialsFile });
  if (nkeyFile !== undefined) logins.push({ kind: "nkeyFile", path: nkeyFile });
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
