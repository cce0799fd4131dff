// Where a coordinator keeps blobs, and how workers and clients come by them: a folder and its HTTP port, or a bucket.

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { blobRoutes } from "../../coordinator/api/http/blob-routes.ts";
import { fileBlobs } from "../../coordinator/api/http/file-blobs.ts";
import { startHttpServer, type HttpOptions, type HttpServer, type Route } from "../../coordinator/api/http/http-server.ts";
import { SignedUrls } from "../../coordinator/api/http/signed-urls.ts";
import type { BlobAccess } from "../../coordinator/ports/blob-access.ts";
import type { CoordinatorLog } from "../../coordinator/shell/log.ts";
import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";
import type { SweepableStore } from "../../sdk/artifact/sweepable.ts";
import { CliError } from "../cli-error.ts";
import type { Settings } from "../settings.ts";
import type { DataFolder } from "./data-folder.ts";
import { tryToWrite } from "./monitor.ts";

export type BlobServiceOptions = {
  readonly folder: DataFolder;
  /** `store`: `file:DIR`, `s3://BUCKET/PREFIX`, or empty for the data folder. */
  readonly settings: Pick<Settings, "store" | "storeAccess">;
  readonly http: { readonly host: string; readonly port: number };
  readonly tls: HttpOptions["tls"];
  readonly nowMs: () => number;
  readonly log: CoordinatorLog;
  /** What the port serves beside blobs, and who is let in. */
  readonly port: Pick<HttpOptions, "routes" | "identify" | "onAnswered">;
};

export type BlobService = {
  readonly access: BlobAccess;
  readonly sweep: SweepableStore;
  readonly http: HttpServer;
  /** Whether the store can be used. Rejects with the reason why not. */
  readonly check: () => Promise<void>;
};

/** Until it is told that a bucket has not answered yet. Milliseconds. */
const patienceMs = 3000;

/** @throws CliError badValue, ArtifactStoreError, or the reason why it cannot listen there */
export async function startBlobService(options: BlobServiceOptions): Promise<BlobService> {
  return options.settings.store.startsWith("s3:") ? inBucket(options) : inFolder(options);
}

async function inFolder({ folder, settings, nowMs, ...options }: BlobServiceOptions): Promise<BlobService> {
  const root = folderOf(settings.store, folder);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  // Whoever finds the same word in a folder of this name has this very folder.
  writeFileSync(join(root, "mark"), `${folder.identity}\n`);
  const store = new FileArtifactStore(root);
  const urls = new SignedUrls(nowMs);
  const http = await serveHttp(options, blobRoutes({ root, store, urls }));
  const { port, tls } = http;
  const access = fileBlobs({ folder: { root, mark: folder.identity }, http: { port, tls }, urls });
  return { access, sweep: store, http, check: () => tryToWrite(root) };
}

async function inBucket({ settings, ...options }: BlobServiceOptions): Promise<BlobService> {
  const [{ S3ArtifactStore }, { parseS3Place, placeText }, { s3Blobs }] = await Promise.all([
    import("../../sdk/artifact/s3/s3-store.ts"),
    import("../../sdk/artifact/s3/place.ts"),
    import("../../coordinator/adapters/s3-blobs.ts"),
  ]);
  const place = parseS3Place(settings.store);
  const store = await S3ArtifactStore.open(place);
  await patiently(options.log, placeText(place), () => store.check());
  return {
    access: s3Blobs({ store, place, access: settings.storeAccess }),
    sweep: store,
    http: await serveHttp(options, []),
    check: () => store.check(),
  };
}

/** A bucket is asked for a minute: whoever waits for the coordinator is told what it waits for. */
async function patiently(log: BlobServiceOptions["log"], store: string, check: () => Promise<void>): Promise<void> {
  const timer = setTimeout(() => log.warn({ event: "store.slow", store }, "the bucket does not answer: asking for a minute"), patienceMs);
  try {
    await check();
  } finally {
    clearTimeout(timer);
  }
}

function serveHttp(
  { http, tls, log, port }: Pick<BlobServiceOptions, "http" | "tls" | "log" | "port">,
  routes: readonly Route[],
): Promise<HttpServer> {
  return startHttpServer({ ...http, ...port, tls, log, routes: [...port.routes, ...routes] });
}

function folderOf(store: string, { path }: DataFolder): string {
  if (store === "") return join(path, "artifacts");
  if (store.startsWith("file:")) return resolve(store.replace(/^file:(?:\/\/(?=\/))?/, ""));
  throw new CliError("badValue", `--store is file:DIR or s3://BUCKET/PREFIX, not "${store}"`);
}
