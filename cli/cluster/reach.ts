// Where a coordinator that listens at an address is reached: from this machine, and from others.

import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { addressText, parseAddress } from "../../sdk/wire/address.ts";
import { isLocal, type Endpoint } from "../../sdk/wire/endpoint.ts";
import type { Served } from "./data-folder.ts";

const everywhere: readonly string[] = ["0.0.0.0", "[::]", "::"];

export function reachable(listened: string): string {
  const address = parseAddress(listened);
  if (address.kind === "socket" || !everywhere.includes(address.host)) return listened;
  return addressText({ ...address, host: "127.0.0.1" });
}

/** For whoever has the coordinator's data folder, on its own machine. */
export function endpointTo({ address, fingerprint, tokenFile }: Served): Endpoint {
  return {
    address: reachable(address),
    ...(fingerprint !== null && { tls: { fingerprint } }),
    ...(tokenFile !== null && { token: readFileSync(tokenFile, "utf8").trim() }),
  };
}

/** Null where only this machine can connect. */
export function reachableFromOthers(listened: string): string | null {
  const address = parseAddress(listened);
  if (isLocal(address) || address.kind === "socket") return null;
  if (!everywhere.includes(address.host)) return listened;
  const [first] = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).filter((one) => !one.internal && one.family === "IPv4"));
  return first === undefined ? null : addressText({ ...address, host: first.address });
}
