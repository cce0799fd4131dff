// Where a coordinator keeps blobs, and how workers and clients come by them: its folder, and its HTTP port for those without it.

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { blobRoutes } from "../../coordinator/api/http/blob-routes.ts";
import { fileBlobs } from "../../coordinator/api/http/file-blobs.ts";
import { startHttpServer, type HttpServer } from "../../coordinator/api/http/http-server.ts";
import { SignedUrls } from "../../coordinator/api/http/signed-urls.ts";
import type { BlobAccess } from "../../coordinator/ports/blob-access.ts";
import type { CoordinatorLog } from "../../coordinator/shell/log.ts";
import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";
import type { SweepableStore } from "../../sdk/artifact/sweepable.ts";
import { CliError } from "../cli-error.ts";
import type { DataFolder } from "./data-folder.ts";

export type BlobServiceOptions = {
  readonly folder: DataFolder;
  /** `file:DIR` or `s3://BUCKET/PREFIX`; empty: the data folder. */
  readonly store: string;
  readonly http: { readonly host: string; readonly port: number };
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly nowMs: () => number;
  readonly log: CoordinatorLog;
};

export type BlobService = { readonly access: BlobAccess; readonly sweep: SweepableStore; readonly http: HttpServer };

/** @throws CliError badValue, or the reason why it cannot listen there */
export async function startBlobService(options: BlobServiceOptions): Promise<BlobService> {
  return options.store.startsWith("s3:") ? startInBucket(options) : startInFolder(options);
}

async function startInBucket({ store, http: at, tls, log }: BlobServiceOptions): Promise<BlobService> {
  const [{ parseS3Place }, { S3ArtifactStore }, { s3Blobs }] = await Promise.all([
    import("../../sdk/artifact/s3/place.ts"),
    import("../../sdk/artifact/s3/s3-store.ts"),
    import("../../coordinator/adapters/s3-blobs.ts"),
  ]);
  const place = parseS3Place(store);
  const bucket = await S3ArtifactStore.open(place);
  await bucket.check();
  const http = await startHttpServer({ ...at, tls, routes: [], log });
  return { access: s3Blobs({ store: bucket, place, access: "presigned" }), sweep: bucket, http };
}

async function startInFolder({ folder, store, http: at, tls, nowMs, log }: BlobServiceOptions): Promise<BlobService> {
  const root = folderOf(store, folder);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  writeFileSync(join(root, "mark"), `${folder.identity}\n`);
  const urls = new SignedUrls(nowMs);
  const sweep = new FileArtifactStore(root);
  const http = await startHttpServer({ ...at, tls, routes: blobRoutes({ root, store: sweep, urls }), log });
  return { access: fileBlobs({ folder: { root, mark: folder.identity }, http: { port: http.port, tls: http.tls }, urls }), sweep, http };
}

function folderOf(store: string, { path }: DataFolder): string {
  if (store === "") return join(path, "artifacts");
  if (store.startsWith("file:"))
    return resolve(store.startsWith("file://") ? new URL(store, pathToFileURL("/")).pathname : store.slice("file:".length));
  throw new CliError("badValue", `--store is file:DIR or s3://BUCKET/PREFIX, not "${store}"`);
}
