// Addresses to listen at, as options and settings give them.

import { parseAddress } from "../../sdk/wire/address.ts";
import { CliError } from "../cli-error.ts";

export type TcpAddress = { readonly host: string; readonly port: number };

/** @throws CliError badValue */
export function addressOf(text: string, option: string): TcpAddress {
  const address = parseAddress(text);
  if (address.kind === "tcp") return address;
  throw new CliError("badValue", `${option} is a host and a port like 127.0.0.1:7420, not "${text}"`);
}
