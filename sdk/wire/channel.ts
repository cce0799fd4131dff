// Opens a connection to a coordinator: which credentials it needs, the token with each call, and in plain words what is
// wrong when there is no connection.

import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { Client, credentials, Metadata, type ChannelCredentials } from "@grpc/grpc-js";
import { addressText, parseAddress, type Address } from "./address.ts";
import { fetchAuthority, refusesClient, speaksTls } from "./authority.ts";
import { clientOptions } from "./channel-options.ts";
import { tlsOf, type Endpoint, type EndpointTls } from "./endpoint.ts";

/** `metadata` goes with every call. */
export type Channel = { readonly client: Client; readonly metadata: Metadata };

/** An authority is fetched once for an endpoint object, however often it is connected to. */
const fetched = new WeakMap<Endpoint, Promise<string>>();

/** @throws AddressError, TrustError; or an Error when the endpoint has only a fingerprint and nobody answers there */
export async function openChannel(endpoint: Endpoint): Promise<Channel> {
  const address = parseAddress(endpoint.address);
  const metadata = new Metadata();
  if (endpoint.token !== undefined) metadata.set("authorization", `Bearer ${endpoint.token}`);
  const options = isAddress(address) ? { ...clientOptions, "grpc.ssl_target_name_override": nameForAddresses } : clientOptions;
  return { client: new Client(addressText(address), await channelCredentials(endpoint), options), metadata };
}

/** @throws as openChannel */
async function channelCredentials(endpoint: Endpoint): Promise<ChannelCredentials> {
  const trust = await trustOf(endpoint);
  if (trust === null) return credentials.createInsecure();
  const address = parseAddress(endpoint.address);
  const verify = isAddress(address)
    ? { checkServerIdentity: (_name: string, shown: PeerCertificate) => checkServerIdentity(peerOf(address).host, shown) }
    : {};
  return credentials.createSsl(bytes(trust.ca), bytes(trust.key), bytes(trust.cert), verify);
}

/** TLS sends no names for addresses: grpc-js is given one to send, and the address itself is verified. */
const nameForAddresses = "localhost";

function isAddress(address: Address): address is Extract<Address, { kind: "tcp" }> {
  return address.kind === "tcp" && isIP(peerOf(address).host) !== 0;
}

/** What to trust at the coordinator, also at its other ports, and who to be there; null without TLS. @throws as openChannel */
export async function trustOf(endpoint: Endpoint): Promise<Pick<EndpointTls, "ca" | "cert" | "key"> | null> {
  const tls = tlsOf(endpoint);
  if (tls === null) return null;
  const { fingerprint: _, ...own } = tls;
  const ca = own.ca ?? (await fetchedAuthority(endpoint, tls));
  return { ...own, ...(ca !== undefined && { ca }) };
}

async function fetchedAuthority(endpoint: Endpoint, tls: EndpointTls): Promise<string | undefined> {
  const { fingerprint } = tls;
  const address = parseAddress(endpoint.address);
  if (fingerprint === undefined || address.kind === "socket") return undefined;
  const fetching = fetched.get(endpoint) ?? fetchAuthority(peerOf(address), { ...tls, fingerprint });
  fetched.set(endpoint, fetching);
  try {
    return await fetching;
  } catch (error) {
    // Somebody may answer the next time.
    if (fetched.get(endpoint) === fetching) fetched.delete(endpoint);
    throw error;
  }
}

/** `settled`: it stays so, however often one tries, until somebody gives other settings here or there. */
export type Unreachable = { readonly reason: string; readonly settled: boolean };

/** Why there is no connection, from what grpc-js says of it; asks the other side when that may tell. */
export async function explainUnreachable(endpoint: Endpoint, said: string): Promise<Unreachable> {
  const address = parseAddress(endpoint.address);
  const details = plainReason(said);
  const silent = { reason: `the coordinator at ${endpoint.address} does not answer: ${details}`, settled: false };
  if (address.kind === "socket" || isNobodyThere(details)) return silent;
  const tls = tlsOf(endpoint);
  if (tls !== null) return explainTls(endpoint.address, details) ?? (await explainRefusal(endpoint.address, tls)) ?? silent;
  if (!(await speaksTls(peerOf(address)))) {
    return details.startsWith("Protocol error") ? { reason: noGrpcAt(endpoint.address), settled: false } : silent;
  }
  return { reason: `the coordinator at ${endpoint.address} speaks TLS only: connect with its fingerprint or its CA file`, settled: true };
}

function noGrpcAt(address: string): string {
  return `what answers at ${address} is no coordinator's gRPC port: it is the one of --listen, which its log shows as \`address\``;
}

/** Without the words that grpc-js puts around it, which say nothing more. */
function plainReason(said: string): string {
  const inner = /^No connection established\. Last error: (?:Error(?: \[\w+\])?: )?(.*?)\.? ?Resolution note: *$/s.exec(said)?.[1] ?? said;
  return inner.replace(/^connect (ECONNREFUSED) .*$/s, "nothing listens there ($1)").replace(/ \(\d{4}-[\dT:.-]+Z\)$/, "");
}

function isNobodyThere(details: string): boolean {
  return /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/.test(details);
}

/** Null where the certificate is not what is wrong. */
function explainTls(address: string, details: string): Unreachable | null {
  const told = (settled: boolean, reason: string): Unreachable => ({ reason, settled });
  if (/wrong version number|packet length too long|EPROTO(?!.*alert)/i.test(details))
    return told(false, `${address} does not speak TLS: if the coordinator runs there without it, connect with TLS off`);
  if (/unable to verify|self[- ]signed|unable to get (local )?issuer/i.test(details)) {
    const remedy = "give the coordinator's fingerprint or its CA file";
    return told(true, `the certificate of ${address} is not signed by an authority that is trusted here: ${remedy}`);
  }
  if (/altnames|does not match certificate/i.test(details)) {
    const remedy = "use one of them, or start the coordinator with this name too";
    return told(true, `the certificate of ${address} is for other names (${details}): ${remedy}`);
  }
  if (/has expired|not yet valid/i.test(details))
    return told(false, `the certificate of ${address} is out of date (${details}): restart the coordinator, or check both clocks`);
  if (/no application protocol/i.test(details)) return told(false, noGrpcAt(address));
  return null;
}

/** Null where the client's certificate is not what is wrong: a server that refuses it only ends the connection. */
async function explainRefusal(text: string, tls: EndpointTls): Promise<Unreachable | null> {
  const address = parseAddress(text);
  if (address.kind === "socket" || !(await refusesClient(peerOf(address), tls))) return null;
  const remedy = tls.cert === undefined ? "name one, and its key" : "this one is of another authority, or out of date";
  // Not settled: one that just goes is taken for one that refuses.
  return { reason: `the coordinator at ${text} lets in only who shows a certificate of its authority: ${remedy}`, settled: false };
}

function peerOf({ host, port }: Extract<Address, { kind: "tcp" }>): { readonly host: string; readonly port: number } {
  return { host: host.replace(/^\[|\]$/g, ""), port };
}

function bytes(pem: string | undefined): Buffer | null {
  return pem === undefined ? null : Buffer.from(pem);
}
