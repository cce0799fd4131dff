// Addresses to listen at, as options and settings give them.

import { parseAddress, type Address } from "../../sdk/wire/address.ts";
import { CliError } from "../cli-error.ts";

export type TcpAddress = { readonly host: string; readonly port: number };

/** @throws CliError badValue */
export function addressOf(text: string, option: string): TcpAddress {
  const address = attempt(text);
  if (address?.kind === "tcp") return address;
  const port = /^:?(\d{1,5})$/.exec(text)?.[1];
  throw new CliError("badValue", `${option} is a host and a port like 127.0.0.1:7420, not "${text}"`, {
    hint: port === undefined ? null : `127.0.0.1:${port} for this machine alone, 0.0.0.0:${port} for others too`,
  });
}

function attempt(text: string): Address | null {
  try {
    return parseAddress(text);
  } catch {
    return null;
  }
}
