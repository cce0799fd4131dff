// An artifact store in an S3 bucket, for who has credentials for it: PREFIX/cas/ab/abcd… holds a blob, and PREFIX/cas/ab/abcd….pieces
// the list of the pieces that a large one is stored in.

import type { S3Client } from "@aws-sdk/client-s3";
import type { BlobGrant, BlobRequest } from "../../../proto/blobs.ts";
import { NameError, parseSha256 } from "../../../proto/ids.ts";
import type { Sha256 } from "../../../proto/ids.ts";
import type { ListedBlob, SweepableStore } from "../sweepable.ts";
import { defaultTimeouts, failureOf, loadSdk, makeClient } from "./aws-client.ts";
import type { AwsSdk, ClientTimeouts } from "./aws-client.ts";
import { AwsObjects } from "./aws-objects.ts";
import type { ReadPacing } from "./object-reader.ts";
import { defaultPacing, persist } from "./persistence.ts";
import { PiecedArtifactStore } from "./pieced-store.ts";
import type { PiecedStoreOptions } from "./pieced-store.ts";
import { folderOf, keyOf, listSuffix, placeText } from "./place.ts";
import type { S3Place } from "./place.ts";
import { checkReplacement, S3Presigner } from "./presigner.ts";
import { explain, RequestFailure } from "./request-failure.ts";

export type S3StoreOptions = PiecedStoreOptions & { readonly timeouts?: Partial<ClientTimeouts> };

/** Keys that one request deletes. */
const deletedKeysMax = 1000;

type Parts = { readonly sdk: AwsSdk; readonly client: S3Client; readonly place: S3Place };

export class S3ArtifactStore extends PiecedArtifactStore implements SweepableStore {
  readonly #parts: Parts;
  readonly #objects: AwsObjects;
  readonly #pacing: ReadPacing;
  #presigner: Promise<S3Presigner> | null = null;

  private constructor(parts: Parts, { timeouts, ...options }: S3StoreOptions & { readonly timeouts: ClientTimeouts }) {
    const objects = new AwsObjects(parts.sdk, parts.client, parts.place);
    const pacing = { ...defaultPacing, idleMs: timeouts.idleMs, ...options.pacing };
    super(objects, { ...options, pacing });
    this.#parts = parts;
    this.#objects = objects;
    this.#pacing = pacing;
  }

  /** Loads the AWS SDK; nothing is asked yet. */
  static async open(place: S3Place, options: S3StoreOptions = {}): Promise<S3ArtifactStore> {
    const sdk = await loadSdk();
    const timeouts = { ...defaultTimeouts, ...options.timeouts };
    return new S3ArtifactStore({ sdk, client: makeClient(sdk, place, timeouts), place }, { ...options, timeouts });
  }

  /** Looks whether the bucket is there and may be listed. @throws ArtifactStoreError that says what to do */
  async check(): Promise<void> {
    const { sdk, client, place } = this.#parts;
    const input = { Bucket: place.bucket, Prefix: folderOf(place), MaxKeys: 1 };
    await this.#asking("the bucket could not be used", () => client.send(new sdk.ListObjectsV2Command(input)));
  }

  async *list(after?: Sha256): AsyncIterable<ListedBlob> {
    const { sdk, client, place } = this.#parts;
    const folder = folderOf(place);
    // Behind the list too, which comes after the blob's own name.
    const start = after === undefined ? {} : { StartAfter: keyOf(place, { sha256: after, part: "list" }) };
    let token: string | undefined;
    do {
      const input = { Bucket: place.bucket, Prefix: folder, ...start, ...(token !== undefined && { ContinuationToken: token }) };
      const page = await this.#asking("the blobs could not be listed", () => client.send(new sdk.ListObjectsV2Command(input)));
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        const name = parseKey(folder, Key ?? "");
        if (name !== null) yield { ...name, size: Size ?? 0, modifiedAtMs: LastModified?.getTime() ?? Date.now() };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  /** A server deletes without conditions: between the last look at an object and its end passes one request. */
  async delete(names: readonly Sha256[], storedBeforeMs = Infinity): Promise<void> {
    const { sdk, client, place } = this.#parts;
    const old = storedBeforeMs === Infinity ? names : await this.#storedBefore(names, storedBeforeMs);
    const keys = old.flatMap((sha256) => [keyOf(place, { sha256, part: "list" }), keyOf(place, { sha256, part: "bytes" })]);
    for (let at = 0; at < keys.length; at += deletedKeysMax) {
      const Objects = keys.slice(at, at + deletedKeysMax).map((Key) => ({ Key }));
      const input = { Bucket: place.bucket, Delete: { Objects, Quiet: true } };
      await this.#asking("blobs could not be deleted", async () => {
        const { Errors } = await client.send(new sdk.DeleteObjectsCommand(input));
        const [first] = Errors ?? [];
        if (first !== undefined) throw new RequestFailure(first.Code === "AccessDenied" ? "denied" : "busy", `${first.Key}: ${first.Code}`);
      });
    }
    this.forget(old);
  }

  async #storedBefore(names: readonly Sha256[], beforeMs: number): Promise<readonly Sha256[]> {
    const looks = names.map(async (sha256) => {
      const parts = (["bytes", "list"] as const).map((part) =>
        this.#asking("a blob could not be looked at", () => this.#objects.look({ sha256, part })),
      );
      const facts = await Promise.all(parts);
      return facts.every((one) => one === null || (one.modifiedAtMs !== null && one.modifiedAtMs < beforeMs)) ? [sha256] : [];
    });
    return (await Promise.all(looks)).flat();
  }

  /** One grant for each request, in order: URLs for who has no credentials. */
  async sign(requests: readonly BlobRequest[], { expiresInSeconds }: { readonly expiresInSeconds: number }): Promise<readonly BlobGrant[]> {
    this.#presigner ??= S3Presigner.open(this.#parts.sdk, this.#parts.client, this.#parts.place);
    const presigner = await this.#presigner;
    return Promise.all(
      requests.map((request) =>
        this.#asking("no URL could be signed", async () => {
          await checkReplacement(this.#objects, request, this.#pacing);
          return presigner.sign(request, expiresInSeconds);
        }),
      ),
    );
  }

  close(): void {
    this.#parts.client.destroy();
  }

  async #asking<Result>(what: string, ask: () => Promise<Result>): Promise<Result> {
    try {
      return await persist(this.#pacing, async () => {
        try {
          return await ask();
        } catch (error) {
          throw failureOf(error) ?? error;
        }
      });
    } catch (error) {
      throw error instanceof RequestFailure ? explain(what, placeText(this.#parts.place), error) : error;
    }
  }
}

/** Null for what isn't a blob of the store. */
function parseKey(folder: string, key: string): Pick<ListedBlob, "sha256" | "part"> | null {
  const text = key.slice(folder.length + 3);
  const part = text.endsWith(listSuffix) ? "list" : "bytes";
  try {
    return { sha256: parseSha256(part === "list" ? text.slice(0, -listSuffix.length) : text), part };
  } catch (error) {
    if (error instanceof NameError) return null;
    throw error;
  }
}
