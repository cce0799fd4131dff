// Where a coordinator that listens at an address is reached: from this machine, and from others.

import { networkInterfaces } from "node:os";
import { addressText, parseAddress } from "../../sdk/wire/address.ts";
import { isLocal } from "../../sdk/wire/endpoint.ts";

const everywhere: readonly string[] = ["0.0.0.0", "[::]", "::"];

export function reachable(listened: string): string {
  const address = parseAddress(listened);
  if (address.kind === "socket" || !everywhere.includes(address.host)) return listened;
  return addressText({ ...address, host: "127.0.0.1" });
}

/** Null where only this machine can connect. */
export function reachableFromOthers(listened: string): string | null {
  const address = parseAddress(listened);
  if (isLocal(address) || address.kind === "socket") return null;
  if (!everywhere.includes(address.host)) return listened;
  const [first] = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).filter((one) => !one.internal && one.family === "IPv4"));
  return first === undefined ? null : addressText({ ...address, host: first.address });
}
