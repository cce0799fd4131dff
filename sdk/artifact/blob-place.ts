// Opens the blobs of a coordinator elsewhere, by a way that it has named: a bucket, or URLs that it grants.

import { Agent as HttpAgent, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { BlobGrant, BlobPlace, HttpPort } from "../../proto/blobs.ts";
import { parseAddress } from "../wire/address.ts";
import type { Endpoint } from "../wire/endpoint.ts";
import type { GrantBlobs, SendRequest } from "./s3/presigned-objects.ts";
import type { ArtifactStore } from "./store.ts";

export type RemotePlace = Exclude<BlobPlace, { kind: "files" }>;

/** A store for whoever `grant` asks on behalf of; all of them share their connections. */
export type OpenStore = (grant: GrantBlobs) => ArtifactStore;

/** A connection over which nothing goes for so long is given up. Milliseconds. */
const idleMs = 20_000;
const socketsMax = 64;

/** `endpoint` is how the coordinator itself is reached: its HTTP port is on the same host, with the same authority. */
export async function openPlace(place: RemotePlace, endpoint: Endpoint): Promise<OpenStore> {
  if (place.kind === "s3") {
    const { S3ArtifactStore } = await import("./s3/s3-store.ts");
    const store = await S3ArtifactStore.open(place);
    return () => store;
  }
  const { PiecedArtifactStore } = await import("./s3/pieced-store.ts");
  const { PresignedObjects } = await import("./s3/presigned-objects.ts");
  const send = await sender(place.http, endpoint);
  const base = place.http === null ? null : baseOf(place.http, endpoint);
  const options = { send, idleMs, place: `the blobs of the coordinator at ${endpoint.address}` };
  return (grant) => {
    const withHosts: GrantBlobs = async (requests) => (await grant(requests)).map((granted) => withHost(granted, base));
    return new PiecedArtifactStore(new PresignedObjects(withHosts, options));
  };
}

async function sender(http: HttpPort | null, endpoint: Endpoint): Promise<SendRequest> {
  const plain = new HttpAgent({ keepAlive: true, maxSockets: socketsMax });
  const others = new HttpsAgent({ keepAlive: true, maxSockets: socketsMax });
  // What the coordinator's authority vouches for is its own port, and nobody else's.
  const own = http?.tls === true ? new HttpsAgent({ keepAlive: true, maxSockets: socketsMax, ...(await trustOf(endpoint)) }) : others;
  const ownHost = http === null ? null : new URL(baseOf(http, endpoint)).host;
  return (url, options) => {
    if (url.protocol === "http:") return requestHttp(url, { ...options, agent: plain });
    return requestHttps(url, { ...options, agent: url.host === ownHost ? own : others });
  };
}

async function trustOf(endpoint: Endpoint): Promise<object> {
  const { trustOf: trust } = await import("../wire/channel.ts");
  return (await trust(endpoint)) ?? {};
}

function baseOf({ port, tls }: HttpPort, endpoint: Endpoint): string {
  const address = parseAddress(endpoint.address);
  const host = address.kind === "socket" ? "localhost" : address.host;
  return `${tls ? "https" : "http"}://${host}:${port}`;
}

/** @throws Error for a URL of a coordinator that has not said where its HTTP port is */
function withHost(granted: BlobGrant, base: string | null): BlobGrant {
  if (!granted.url.startsWith("/")) return granted;
  if (base === null) throw new Error("the coordinator granted a URL without a host, and has not said where it serves HTTP");
  return { ...granted, url: base + granted.url };
}
