// A coordinator whose blobs are reached over HTTP alone, and workers that share no folder with it.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { FileLogStore } from "../../coordinator/adapters/file-log-store.ts";
import { MemoryTaskQueue } from "../../coordinator/adapters/memory-task-queue.ts";
import { SqliteLedger } from "../../coordinator/adapters/sqlite-ledger.ts";
import { SystemClock } from "../../coordinator/adapters/system-clock.ts";
import type { Authority } from "../../coordinator/adapters/tls/authority.ts";
import { blobRoutes } from "../../coordinator/api/http/blob-routes.ts";
import { fileBlobs } from "../../coordinator/api/http/file-blobs.ts";
import { startHttpServer } from "../../coordinator/api/http/http-server.ts";
import { SignedUrls } from "../../coordinator/api/http/signed-urls.ts";
import type { BlobAccess } from "../../coordinator/ports/blob-access.ts";
import { startCoordinator } from "../../coordinator/main.ts";
import type { BlobRequest } from "../../proto/blobs.ts";
import { defaultRunOptions, type RunOptions } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";
import { openPlace } from "../../sdk/artifact/blob-place.ts";
import { FileArtifactStore } from "../../sdk/artifact/file-store.ts";
import { keepArtifacts } from "../../sdk/artifact/keep.ts";
import type { ArtifactStore } from "../../sdk/artifact/store.ts";
import type { SweepableStore } from "../../sdk/artifact/sweepable.ts";
import { checkFlow } from "../../sdk/graph/check-flow.ts";
import { connectControl, type ControlClient } from "../../sdk/wire/control-client.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";
import { startWorker, type Worker } from "../../worker/main.ts";

type LogLine = { readonly event: unknown; readonly [field: string]: unknown };

type Beginning = { readonly blobs?: BlobAccess | null; readonly sweep?: SweepableStore | null; readonly tls?: Authority | null };

export class RemoteCluster implements AsyncDisposable {
  readonly folder: string;
  /** The coordinator's own. */
  readonly store: FileArtifactStore;
  readonly logged: LogLine[] = [];
  /** What was asked for and granted. */
  readonly granted: readonly BlobRequest[];
  readonly endpoint: Endpoint;
  readonly control: ControlClient;
  readonly #closing: (() => unknown)[];

  private constructor(
    folder: string,
    parts: {
      readonly endpoint: Endpoint;
      readonly closing: (() => unknown)[];
      readonly logged: LogLine[];
      readonly granted: readonly BlobRequest[];
    },
  ) {
    this.folder = folder;
    this.store = new FileArtifactStore(join(folder, "artifacts"));
    this.endpoint = parts.endpoint;
    this.logged = parts.logged;
    this.granted = parts.granted;
    this.control = connectControl(parts.endpoint);
    this.#closing = [() => this.control.close(), ...parts.closing];
  }

  /** `blobs`: elsewhere than in the coordinator's folder. `tls`: at a port of this machine, for those who trust this authority. */
  static async start(folder: string, { blobs = null, sweep = null, tls = null }: Beginning = {}): Promise<RemoteCluster> {
    const root = join(folder, "artifacts");
    mkdirSync(root, { recursive: true });
    const logged: LogLine[] = [];
    const granted: BlobRequest[] = [];
    const log = logInto(logged);
    const clock = new SystemClock();
    const urls = new SignedUrls(() => Date.now());
    const routes = blobRoutes({ root, store: new FileArtifactStore(root), urls });
    const http = await startHttpServer({ host: "127.0.0.1", port: 0, tls: tls?.server ?? null, routes, log });
    const ledger = new SqliteLedger(join(folder, "ledger.db"));
    const logs = new FileLogStore({ root: join(folder, "logs"), onDropped: assert.fail });
    const queue = new MemoryTaskQueue({ clock, ackWaitMs: 30_000 });
    const coordinator = await startCoordinator({
      ledger,
      logs,
      clock,
      queue,
      log,
      owner: { id: randomUUID(), pid: process.pid, host: hostname(), address: "" },
      listen: tls === null ? { path: join(folder, "socket") } : { host: "127.0.0.1", port: 0, tls: tls.server },
      blobs: recorded(blobs ?? fileBlobs({ folder: null, http, urls }), granted),
      sweep,
      version: "test",
      adoptUnfinished: true,
      adoptGraceMs: 0,
      // Who is killed is missed soon.
      leaseMs: 4000,
      beatMs: 400,
    });
    const closing = [coordinator, queue, logs, ledger, http].map((part) => () => part.close());
    const { address } = coordinator;
    const endpoint: Endpoint = tls === null ? { address } : { address, tls: { fingerprint: tls.fingerprint } };
    return new RemoteCluster(folder, { endpoint, closing, logged, granted });
  }

  startWorker(id: string, over: { readonly bytesMax?: number; readonly slots?: number; readonly folder?: string } = {}): Worker {
    const { bytesMax = 1024 ** 3, slots = 2, folder = this.folder } = over;
    const worker = startWorker({
      coordinator: this.endpoint,
      slots,
      id,
      version: "test",
      store: { kind: "cache", root: join(folder, `cache-${id}`), bytesMax },
      isolation: "warm",
      labels: {},
      runs: [],
      log: logInto(this.logged),
    });
    this.#closing.unshift(() => worker.stop());
    return worker;
  }

  /** What a client without the folder reads and writes. */
  async clientStore(run: RunId | null): Promise<ArtifactStore> {
    const [place] = await this.control.blobPlaces();
    assert.ok(place !== undefined && place.kind !== "files");
    const open = await openPlace(place, this.endpoint);
    return open((requests) => this.control.grantBlobs(run, requests));
  }

  /** Runs a flow's file as a client elsewhere would. */
  async submit(
    file: string,
    parameters: Readonly<Record<string, unknown>> = {},
    isolation: RunOptions["isolation"] = "warm",
  ): Promise<RunId> {
    const checked = await checkFlow(file);
    assert.ok(checked.graph !== null && checked.package !== null, JSON.stringify(checked.problems));
    const store = await this.clientStore(null);
    return this.control.submit({
      graph: checked.graph,
      codePackage: await store.put(checked.package),
      parameters: await keepArtifacts(new Map(Object.entries(parameters)), store),
      secrets: [],
      options: { ...defaultRunOptions, workersMax: 8, isolation },
      tags: [],
      systemTags: ["user:tester"],
      namespace: "user:tester",
      user: "tester",
      resume: null,
    });
  }

  submitText(text: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<RunId> {
    const file = join(this.folder, "flow.ts");
    writeFileSync(file, text);
    return this.submit(file, parameters);
  }

  async ended(run: RunId): Promise<void> {
    for await (const _ of this.control.events(run, 0));
    const view = await this.control.run(run);
    assert.equal(view.status, "succeeded", JSON.stringify(view.firstFailure));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closing) await close();
  }
}

function recorded(access: BlobAccess, granted: BlobRequest[]): BlobAccess {
  return {
    ...access,
    sign: (requests) => {
      granted.push(...requests);
      return access.sign(requests);
    },
  };
}

function logInto(lines: LogLine[]) {
  const add = (fields: Readonly<Record<string, unknown>>, message: string): void => void lines.push({ event: null, message, ...fields });
  return { debug: () => undefined, info: add, warn: add, error: add };
}
