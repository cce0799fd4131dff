// What the tests of stores over S3 share: a server, stores on it, and waits that are counted instead of waited for.

import type { ReadPacing } from "../../sdk/artifact/s3/object-reader.ts";
import { parseS3Place, type S3Place } from "../../sdk/artifact/s3/place.ts";
import { PresignedArtifactStore, type PresignedStoreOptions } from "../../sdk/artifact/s3/presigned-store.ts";
import { S3ArtifactStore, type S3StoreOptions } from "../../sdk/artifact/s3/s3-store.ts";
import type { Sha256 } from "../../proto/ids.ts";
import type { BlobGrant, BlobRequest } from "../../proto/blobs.ts";
import { testCredentials } from "../aws/signature.ts";
import { S3Server, type S3ServerOptions } from "../s3-server/server.ts";

export const bucket = "test";

export type Counted = Partial<ReadPacing> & { readonly waits: number[] };

export function countedPacing(): Counted {
  const waits: number[] = [];
  let nowMs = 0;
  const sleep = async (ms: number): Promise<void> => {
    waits.push(ms);
    nowMs += ms;
  };
  return { waits, sleep, nowMs: () => nowMs, random: () => 0.5 };
}

export function useTestCredentials(credentials = testCredentials): void {
  // Where the SDK's own chain looks first, as it does for users.
  process.env["AWS_ACCESS_KEY_ID"] = credentials.accessKeyId;
  process.env["AWS_SECRET_ACCESS_KEY"] = credentials.secretAccessKey;
}

export function placeAt(url: string, prefix = "some/prefix"): S3Place {
  return parseS3Place(`s3://${bucket}/${prefix}?endpoint=${encodeURIComponent(url)}`);
}

/** Of a blob in the store at `placeAt`. */
export function keyIn(sha256: Sha256): string {
  return `some/prefix/cas/${sha256.slice(0, 2)}/${sha256}`;
}

/** A server with an empty bucket, and a store with credentials for it. */
export class TestStores implements AsyncDisposable {
  readonly server: S3Server;
  readonly store: S3ArtifactStore;
  readonly waits: readonly number[];
  /** Requests that URLs were granted for, call by call. */
  readonly grants: (readonly BlobRequest[])[] = [];
  readonly #pacing: Counted;
  readonly #presigned: PresignedArtifactStore[] = [];

  private constructor(server: S3Server, store: S3ArtifactStore, pacing: Counted) {
    this.server = server;
    this.store = store;
    this.#pacing = pacing;
    this.waits = pacing.waits;
  }

  static async open(options: S3StoreOptions = {}, serverOptions: S3ServerOptions = {}): Promise<TestStores> {
    useTestCredentials();
    const server = await S3Server.start({ bucket, ...serverOptions });
    const pacing = countedPacing();
    const store = await S3ArtifactStore.open(placeAt(server.url), { ...options, pacing: { ...pacing, ...options.pacing } });
    return new TestStores(server, store, pacing);
  }

  /** A store without credentials, for which this one signs. */
  presigned(options: PresignedStoreOptions = {}, change: (grant: BlobGrant) => BlobGrant = (grant) => grant): PresignedArtifactStore {
    const grant = async (requests: readonly BlobRequest[]): Promise<readonly BlobGrant[]> => {
      this.grants.push(requests);
      return (await this.store.sign(requests, { expiresInSeconds: 300 })).map(change);
    };
    const store = new PresignedArtifactStore(grant, { ...options, pacing: { ...this.#pacing, ...options.pacing } });
    this.#presigned.push(store);
    return store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store.close();
    for (const store of this.#presigned) store.close();
    await this.server.close();
  }
}
