// The coordinator that is configured, and how one is let in: from settings, and the token from where nobody else reads it.

import { readFileSync, statSync } from "node:fs";
import { parseAddress } from "../sdk/wire/address.ts";
import type { Endpoint, EndpointTls } from "../sdk/wire/endpoint.ts";
import { CliError } from "./cli-error.ts";
import { hideInLogs } from "./redaction.ts";
import type { Settings } from "./settings.ts";
import type { Environment } from "./terminal.ts";

/** What an endpoint is made of. */
export type EndpointSettings = Pick<
  Settings,
  "coordinator" | "local" | "tls" | "fingerprint" | "caFile" | "certFile" | "keyFile" | "tokenFile"
>;

const defaultPort = 7420;

/** Null where no coordinator is configured, or is not to be used. @throws CliError badConfig, badValue */
export function endpointOf(settings: EndpointSettings, env: Environment): Endpoint | null {
  if (settings.coordinator === "" || settings.local) return null;
  const address = addressOf(settings.coordinator);
  const token = tokenOf(settings, env);
  if (token !== null) hideInLogs(token);
  return { address, ...(token !== null && { token }), ...tlsOf(settings) };
}

/** @throws CliError badValue */
function addressOf(coordinator: string): string {
  const address = withPort(coordinator);
  try {
    parseAddress(address);
    return address;
  } catch (error) {
    const host = /^[a-z]+:\/\/([^/]+)/.exec(coordinator)?.[1];
    throw new CliError("badValue", `the coordinator's address is a host and a port like build.lan:${defaultPort}, not "${coordinator}"`, {
      hint: host === undefined ? null : `without anything before or after it: ${host}`,
      cause: error,
    });
  }
}

/** `build.lan` means its usual port. */
export function withPort(address: string): string {
  return address.startsWith("unix:") || /:\d+$/.test(address) ? address : `${address}:${defaultPort}`;
}

function tlsOf(settings: EndpointSettings): { readonly tls?: EndpointTls | "off" } {
  const { tls, fingerprint, caFile, certFile, keyFile } = settings;
  if (tls === "off") return { tls };
  const given: EndpointTls = {
    ...(caFile !== "" && { ca: read(caFile, "caFile") }),
    ...(fingerprint !== "" && { fingerprint }),
    ...(certFile !== "" && { cert: read(certFile, "certFile") }),
    ...(keyFile !== "" && { key: read(keyFile, "keyFile") }),
  };
  return Object.keys(given).length === 0 && tls === "auto" ? {} : { tls: given };
}

function tokenOf({ tokenFile }: EndpointSettings, env: Environment): string | null {
  const token = env["STEPWELL_TOKEN"];
  if (token !== undefined && token !== "") return token;
  if (tokenFile === "") return null;
  const text = read(tokenFile, "tokenFile").trim();
  // Whoever else can read it can do what its owner may.
  if (process.platform !== "win32" && (statSync(tokenFile).mode & 0o077) !== 0) {
    throw new CliError("badConfig", `${tokenFile} can be read by others than its owner`, { hint: `chmod 600 ${tokenFile}` });
  }
  return text;
}

function read(file: string, setting: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CliError(
      "badConfig",
      `the file of the setting ${setting} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
