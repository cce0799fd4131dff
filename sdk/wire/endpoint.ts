// Where a coordinator is and how one is let in: what a client or a worker must know, and nothing else.

import { parseAddress, type Address } from "./address.ts";

export type Endpoint = {
  /** `unix:/folder/socket` or `host:port`. */
  readonly address: string;
  /**
   * Absent: none for sockets and loopback addresses, else TLS that trusts what the system trusts. `off` is for a network that
   * is trusted as a whole.
   */
  readonly tls?: EndpointTls | "off";
  /** Sent with every call; never written anywhere. */
  readonly token?: string;
};

export type EndpointTls = {
  /** PEM of the authorities that sign the coordinator's certificate. */
  readonly ca?: string;
  /** SHA-256 of the coordinator's own authority, hexadecimal, with or without colons. */
  readonly fingerprint?: string;
  /** PEM of a certificate and its key, for a coordinator that wants one. */
  readonly cert?: string;
  readonly key?: string;
};

/** Null: the connection is plain. @throws AddressError */
export function tlsOf({ address, tls }: Endpoint): EndpointTls | null {
  if (tls === "off") return null;
  return tls ?? (isLocal(parseAddress(address)) ? null : {});
}

/** Only this machine can connect there. */
export function isLocal(address: Address): boolean {
  if (address.kind === "socket") return true;
  const host = address.host.replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
