// Data in S3, for use inside of steps and anywhere else: fetches objects into files that are removed afterwards, and writes
// objects, many at once.
//
// B1. Requests under way are bounded, over all calls of one S3; so are the bytes that uploads hold in memory.
// B2. After `close`, nothing of it is left on this machine: no file, no connection.

import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { ReadPacing } from "../artifact/s3/object-reader.ts";
import { defaultTimeouts, loadSdk, makeClient, type ClientTimeouts } from "../artifact/s3/aws-client.ts";
import { RequestFailure } from "../artifact/s3/request-failure.ts";
import { Transfers } from "../artifact/s3/transfers.ts";
import type { S3Place } from "../artifact/s3/place.ts";
import { currentTask } from "../flow/current.ts";
import { addressOf, dataRootVariable, folderAddress, rootOf, urlOf, type Address, type RootOptions } from "./address.ts";
import { BucketRequests, type Encryption, type Facts, type ObjectHeaders } from "./bucket-requests.ts";
import { download, Opener, type Range } from "./download.ts";
import { effortUntil, explained, explanationOf, trying, type Effort } from "./effort.ts";
import { listFolder } from "./listing.ts";
import { many, type Progress } from "./many.ts";
import { missing, S3Error } from "./s3-error.ts";
import { Scratch } from "./scratch.ts";
import { partsMax, uploadBytes, uploadStream, type Destination, type Sent } from "./upload.ts";
import {
  infoOf,
  S3File,
  S3Results,
  type S3Folder,
  type S3Info,
  type S3Listed,
  type S3Missing,
  type S3Range,
  type S3Request,
  type S3Written,
} from "./values.ts";

export type S3Options = RootOptions & {
  /** Requests under way at once, for all calls together. Default 32. */
  readonly parallel?: number;
  /** How the server is to encrypt what is written; as the bucket says by default. */
  readonly encryption?: Encryption;
  /** Ends everything. In a step, `current.signal` does so too. */
  readonly signal?: AbortSignal;
  /** Where fetched files are. Default: the step's own temporary folder, or the system's. */
  readonly tempDir?: string;
};

export type S3Tuning = {
  readonly pacing?: Partial<ReadPacing>;
  readonly timeouts?: Partial<ClientTimeouts>;
  readonly partBytes?: number;
};

type AllowMissing = { readonly allowMissing: true };
export type S3ManyOptions = { readonly progress?: Progress; readonly allowMissing?: boolean };
export type S3Value = string | Uint8Array | AsyncIterable<Uint8Array>;
export type S3Put = ObjectHeaders & { readonly key: string; readonly value: S3Value };
export type S3PutFile = ObjectHeaders & { readonly key: string; readonly path: string };

const defaultParallel = 32;
const defaultPartBytes = 16 * 1024 * 1024;
const bytesInFlightMax = 64 * 1024 * 1024;
const mebibyte = 1024 * 1024;
const fileChunkBytes = 1024 * 1024;

export class S3 implements AsyncDisposable {
  readonly #root: S3Place | null;
  readonly #options: S3Options;
  readonly #tuning: S3Tuning;
  readonly #scratch: Scratch;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #inStep: boolean;
  readonly #parallel: number;
  readonly #lanes: Transfers;
  readonly #bytesInFlight = new Transfers(bytesInFlightMax);
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #knownBuckets = new Set<string>();
  #requests: Promise<BucketRequests> | null = null;

  constructor(options: S3Options, tuning: S3Tuning) {
    const task = currentTask();
    const { parallel = defaultParallel } = options;
    if (!Number.isInteger(parallel) || parallel < 1)
      throw new RangeError(`parallel is ${parallel}: give a whole number of requests, at least 1`);
    this.#root = rootOf(options, process.env[dataRootVariable]);
    this.#options = options;
    this.#tuning = tuning;
    this.#scratch = new Scratch(() => options.tempDir ?? task?.tempDir ?? tmpdir());
    this.#signal = AbortSignal.any([this.#closing.signal, ...[task?.signal, options.signal].filter((signal) => signal !== undefined)]);
    this.#inStep = task !== null;
    this.#parallel = parallel;
    this.#lanes = new Transfers(parallel);
  }

  /** What keys are relative to, as a URL; null where keys are URLs. */
  get root(): string | null {
    return this.#root === null ? null : urlOf(this.#root.bucket, this.#root.prefix === "" ? "" : `${this.#root.prefix}/`);
  }

  /** Fetches an object, or a part of one, into a file. @throws S3Error, whose `problem` says why not */
  get(request: S3Request, options: AllowMissing): Promise<S3File | S3Missing>;
  get(request: S3Request): Promise<S3File>;
  get(request: S3Request, options?: AllowMissing): Promise<S3File | S3Missing> {
    return this.#get(request, this.#signal, options?.allowMissing === true);
  }

  getMany(requests: Iterable<S3Request> | AsyncIterable<S3Request>, options: S3ManyOptions & AllowMissing): S3Results<S3File | S3Missing>;
  getMany(requests: Iterable<S3Request> | AsyncIterable<S3Request>, options?: Omit<S3ManyOptions, "allowMissing">): S3Results<S3File>;
  getMany(
    requests: Iterable<S3Request> | AsyncIterable<S3Request>,
    options: S3ManyOptions = {},
  ): S3Results<S3File | S3Missing> | S3Results<S3File> {
    return this.#many(requests, options, (request, signal) => this.#get(request, signal, options.allowMissing === true));
  }

  /** Everything below these folders, at any depth; below the root where none is named. */
  getRecursive(folders: string | readonly string[] = "", options: Pick<S3ManyOptions, "progress"> = {}): S3Results<S3File> {
    return this.#many(this.#keysBelow(folders), options, (key, signal) => this.#get(key, signal, false));
  }

  /** An object, or a part of one, piece by piece: nothing of it is kept. */
  async *stream(request: S3Request): AsyncIterable<Uint8Array> {
    const { at, range } = this.#wanted(request);
    const effort = this.#effort(this.#signal);
    try {
      const opener = new Opener({ requests: await this.#ready(), at, effort });
      const from = range?.offset ?? 0;
      const to = range === null || range.length === null ? null : from + range.length;
      const opened = await opener.open({ from, to }, { whole: range === null });
      if (opened === null) throw missing(at.url);
      yield* opened.bytes;
    } catch (error) {
      throw explanationOf(error, { text: "read", url: at.url, inStep: this.#inStep }, this.#signal);
    }
  }

  info(key: string, options: AllowMissing): Promise<S3Info | S3Missing>;
  info(key: string): Promise<S3Info>;
  info(key: string, options?: AllowMissing): Promise<S3Info | S3Missing> {
    return this.#info(key, this.#signal, options?.allowMissing === true);
  }

  infoMany(keys: Iterable<string> | AsyncIterable<string>, options: S3ManyOptions & AllowMissing): S3Results<S3Info | S3Missing>;
  infoMany(keys: Iterable<string> | AsyncIterable<string>, options?: Omit<S3ManyOptions, "allowMissing">): S3Results<S3Info>;
  infoMany(keys: Iterable<string> | AsyncIterable<string>, options: S3ManyOptions = {}): S3Results<S3Info | S3Missing> | S3Results<S3Info> {
    return this.#many(keys, options, (key, signal) => this.#info(key, signal, options.allowMissing === true));
  }

  /** What is right in these folders: objects, and folders of others. The root where none is named. */
  list(folders: string | readonly string[] = ""): S3Results<S3Listed | S3Folder> {
    return new S3Results(() => this.#listAll(folders, false));
  }

  /** All objects below these folders, at any depth. */
  listRecursive(folders: string | readonly string[] = ""): S3Results<S3Listed> {
    return new S3Results(() => this.#objectsBelow(folders));
  }

  /** Text is written as UTF-8; a stream of any length. */
  put(key: string, value: S3Value, headers: ObjectHeaders = {}): Promise<S3Written> {
    return this.#put({ key, value, ...headers }, this.#signal);
  }

  putMany(objects: Iterable<S3Put> | AsyncIterable<S3Put>, options: Pick<S3ManyOptions, "progress"> = {}): Promise<S3Written[]> {
    return this.#many(objects, options, (object, signal) => this.#put(object, signal)).toArray();
  }

  putFiles(files: Iterable<S3PutFile> | AsyncIterable<S3PutFile>, options: Pick<S3ManyOptions, "progress"> = {}): Promise<S3Written[]> {
    return this.#many(files, options, (file, signal) => this.#putFile(file, signal)).toArray();
  }

  /** Ends what is under way, and removes every file that was fetched. */
  async close(): Promise<void> {
    this.#closing.abort(new S3Error("closed", "this S3 is closed: use it before its block ends, or open another one"));
    await Promise.allSettled(this.#underWay);
    await this.#scratch.remove();
    const requests = await this.#requests;
    requests?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #get(request: S3Request, signal: AbortSignal, allowMissing: boolean): Promise<S3File | S3Missing>;
  #get(request: S3Request, signal: AbortSignal, allowMissing: false): Promise<S3File>;
  #get(request: S3Request, signal: AbortSignal, allowMissing: boolean): Promise<S3File | S3Missing> {
    return this.#doing(signal, async (requests, effort) => {
      const { at, range } = this.#wanted(request);
      const path = this.#scratch.nextPath(at.key);
      const source = { requests, at, effort, lanes: this.#lanes, partBytes: this.#partBytes };
      const got = await explained(effort, { text: "read", url: at.url, inStep: this.#inStep }, () => download(source, path, range));
      if (got === null) return missingAt(at, allowMissing);
      const part = range === null ? null : { offset: range.offset, length: got.got };
      return new S3File(infoOf(at, got.facts), { path, range: part });
    });
  }

  #info(key: string, signal: AbortSignal, allowMissing: boolean): Promise<S3Info | S3Missing> {
    return this.#doing(signal, async (requests, effort) => {
      const at = addressOf(this.#root, key);
      const facts = await explained(effort, { text: "looked at", url: at.url, inStep: this.#inStep }, () =>
        this.#lanes.run(
          1,
          async () => (await trying(effort, () => requests.look(at, signal))) ?? (await this.#absent(at, requests, effort)),
        ),
      );
      return facts === null ? missingAt(at, allowMissing) : infoOf(at, facts);
    });
  }

  /** Null where only the object isn't there. @throws RequestFailure where the whole bucket isn't */
  async #absent({ bucket }: Address, requests: BucketRequests, effort: Effort): Promise<Facts | null> {
    if (this.#knownBuckets.has(bucket)) return null;
    try {
      const found = await trying(effort, () => requests.lookForBucket(bucket, effort.signal));
      if (found === "absent") throw new RequestFailure("noBucket", "404 NoSuchBucket");
    } catch (error) {
      // Whoever may not ask for the bucket was told of the object all the same.
      if (!(error instanceof RequestFailure && error.reason === "denied")) throw error;
    }
    this.#knownBuckets.add(bucket);
    return null;
  }

  #put({ key, value, ...headers }: S3Put, signal: AbortSignal): Promise<S3Written> {
    return this.#sending(key, { headers, signal }, (to) => {
      if (typeof value === "string") return uploadBytes(to, Buffer.from(value));
      return value instanceof Uint8Array ? uploadBytes(to, value) : uploadStream(to, value);
    });
  }

  #putFile({ key, path, ...headers }: S3PutFile, signal: AbortSignal): Promise<S3Written> {
    return this.#sending(key, { headers, signal }, async (to) => {
      const { size } = await stat(path);
      if (size <= to.partBytes) return uploadBytes(to, await readFile(path));
      const partBytes = Math.max(to.partBytes, Math.ceil(size / partsMax / mebibyte) * mebibyte);
      return uploadStream({ ...to, partBytes }, createReadStream(path, { highWaterMark: fileChunkBytes }));
    });
  }

  async #sending(
    key: string,
    { headers, signal }: { readonly headers: ObjectHeaders; readonly signal: AbortSignal },
    send: (to: Destination) => Promise<Sent>,
  ): Promise<S3Written> {
    return this.#doing(signal, async (requests, effort) => {
      const at = addressOf(this.#root, key);
      const to = { requests, at, headers, effort, bytesInFlight: this.#bytesInFlight, partBytes: this.#partBytes };
      const { written, etag } = await explained(effort, { text: "written", url: at.url, inStep: this.#inStep }, () => send(to));
      return { key: at.name, url: at.url, written, etag };
    });
  }

  /** `close` waits for it. */
  async #doing<Result>(signal: AbortSignal, work: (requests: BucketRequests, effort: Effort) => Promise<Result>): Promise<Result> {
    signal.throwIfAborted();
    const working = this.#ready().then((requests) => work(requests, this.#effort(signal)));
    this.#underWay.add(working);
    try {
      return await working;
    } finally {
      this.#underWay.delete(working);
    }
  }

  #many<Item, Result>(
    items: Iterable<Item> | AsyncIterable<Item>,
    { progress }: Pick<S3ManyOptions, "progress">,
    work: (item: Item, signal: AbortSignal) => Promise<Result>,
  ): S3Results<Result> {
    return new S3Results(() => many({ items, atOnce: this.#parallel, progress, signal: this.#signal, work }));
  }

  async *#listAll(folders: string | readonly string[], deep: boolean): AsyncIterable<S3Listed | S3Folder> {
    const effort = this.#effort(this.#signal);
    const listing = { requests: await this.#ready(), root: this.#root, effort, inStep: this.#inStep };
    for (const folder of typeof folders === "string" ? [folders] : folders) {
      yield* listFolder(listing, folderAddress(this.#root, folder), deep);
    }
  }

  async *#objectsBelow(folders: string | readonly string[]): AsyncIterable<S3Listed> {
    for await (const found of this.#listAll(folders, true)) if (found.kind === "object") yield found;
  }

  async *#keysBelow(folders: string | readonly string[]): AsyncIterable<string> {
    for await (const { key } of this.#objectsBelow(folders)) yield key;
  }

  #wanted(request: S3Request): { readonly at: Address; readonly range: Range | null } {
    if (typeof request === "string") return { at: addressOf(this.#root, request), range: null };
    const at = addressOf(this.#root, request.key);
    return { at, range: rangeOf(request.range, at) };
  }

  #effort(signal: AbortSignal): Effort {
    const { pacing, timeouts } = this.#tuning;
    return effortUntil(signal, { idleMs: timeouts?.idleMs ?? defaultTimeouts.idleMs, ...pacing });
  }

  get #partBytes(): number {
    return this.#tuning.partBytes ?? defaultPartBytes;
  }

  #ready(): Promise<BucketRequests> {
    this.#requests ??= this.#connect();
    return this.#requests;
  }

  async #connect(): Promise<BucketRequests> {
    const sdk = await loadSdk();
    const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
    // Where the SDK looks for a server of one's own, which rarely has a host name for each bucket.
    const pathStyle = (AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL ?? "") !== "";
    const place = this.#root ?? { bucket: "", prefix: "", region: null, endpoint: null, pathStyle };
    const client = makeClient(sdk, { ...place, pathStyle: place.pathStyle || pathStyle }, { ...defaultTimeouts, ...this.#tuning.timeouts });
    return new BucketRequests(sdk, client, this.#options.encryption ?? null);
  }
}

function missingAt({ name, url }: Address, allowMissing: boolean): S3Missing {
  if (!allowMissing) throw missing(url);
  return { exists: false, key: name, url };
}

function rangeOf({ offset, length }: S3Range, { url }: Address): Range {
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  if (isCount(offset) && (length === undefined || (isCount(length) && length > 0))) return { offset, length: length ?? null };
  const message = `${url}: { offset: ${offset}, length: ${length} } is no range; give whole bytes, at least one, from 0 on`;
  throw new S3Error("range", message, { url });
}
