// An artifact store for who has no credentials: each object is read or written over a URL that the coordinator grants.

import { Agent as HttpAgent, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { SecureContextOptions } from "node:tls";
import { PiecedArtifactStore } from "./pieced-store.ts";
import type { PiecedStoreOptions } from "./pieced-store.ts";
import { PresignedObjects } from "./presigned-objects.ts";
import type { GrantBlobs } from "./presigned-objects.ts";

export type PresignedStoreOptions = PiecedStoreOptions & {
  /** Where the blobs are, for errors: "the coordinator's blobs". */
  readonly place?: string;
  /** What to trust, and who to be, in TLS. */
  readonly tls?: Pick<SecureContextOptions, "ca" | "cert" | "key">;
};

const idleMs = 20_000;
const socketsMax = 64;

export class PresignedArtifactStore extends PiecedArtifactStore {
  readonly #agents: readonly HttpAgent[];

  constructor(grant: GrantBlobs, options: PresignedStoreOptions = {}) {
    const plain = new HttpAgent({ keepAlive: true, maxSockets: socketsMax });
    const secure = new HttpsAgent({ keepAlive: true, maxSockets: socketsMax, ...options.tls });
    const objects = new PresignedObjects(grant, {
      send: (url, request) =>
        url.protocol === "https:" ? requestHttps(url, { ...request, agent: secure }) : requestHttp(url, { ...request, agent: plain }),
      idleMs: options.pacing?.idleMs ?? idleMs,
      place: options.place ?? "the coordinator's blobs",
    });
    super(objects, options);
    this.#agents = [plain, secure];
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }
}
