// What lies in a folder of a bucket, page by page.

import type { S3Place } from "../artifact/s3/place.ts";
import { nameOf, urlOf, type Address } from "./address.ts";
import type { BucketRequests } from "./bucket-requests.ts";
import { explanationOf, trying, type Effort } from "./effort.ts";
import { listedOf, type S3Folder, type S3Listed } from "./values.ts";

export type Listing = {
  readonly requests: BucketRequests;
  readonly root: S3Place | null;
  readonly effort: Effort;
  readonly inStep: boolean;
};

/** In the order of their keys' bytes, page by page: folders after the objects of their page. @throws S3Error */
export async function* listFolder(listing: Listing, at: Address, deep: boolean): AsyncIterable<S3Listed | S3Folder> {
  const { requests, root, effort, inStep } = listing;
  const addressOf = (key: string): Address => {
    return { bucket: at.bucket, key, name: nameOf(root, at.bucket, key), url: urlOf(at.bucket, key) };
  };
  let after: string | null = null;
  do {
    const token: string | null = after;
    const page = await trying(effort, () => requests.list(at, { deep, after: token }, effort.signal)).catch((error: unknown) => {
      throw explanationOf(error, { text: "listed", url: at.url, inStep }, effort.signal);
    });
    for (const object of page.objects) {
      // Some tools write an empty object to stand for a folder.
      if (!object.key.endsWith("/")) yield listedOf(addressOf(object.key), object);
    }
    for (const folder of page.folders) {
      const { name, url } = addressOf(folder);
      yield { kind: "folder", key: name, url };
    }
    after = page.next;
  } while (after !== null);
}
