// The notice of a spot machine's end, as EC2's metadata service gives it to whoever shows its token.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { InstanceMetadata } from "../../test/batch-server/instance-metadata.ts";
import { spotNotice } from "./spot-notice.ts";

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

test("a notice is seen when it comes, with what will happen and when", async (context) => {
  const metadata = await InstanceMetadata.start("i-1", "c6i.large", true);
  context.after(() => metadata.close());
  const { signal } = new AbortController();
  const noticed = spotNotice({ endpoint: metadata.url, everyMs: 5, log: silent, signal });
  metadata.announceEnd(Date.UTC(2030, 0, 1));
  assert.deepEqual(await noticed, { action: "terminate", atMs: Date.UTC(2030, 0, 1) });
});

test("a machine that does not answer as it should is told of once, and asked on with a new token", async (context) => {
  const asked: string[] = [];
  const enough = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    asked.push(request.method ?? "");
    if (asked.length === 8) enough.resolve();
    response.writeHead(request.method === "PUT" ? 200 : 401).end("token");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  const watch = new AbortController();
  const told: string[] = [];
  const log = { ...silent, warn: (_: object, message: string) => void told.push(message) };
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const noticed = spotNotice({ endpoint, everyMs: 1, log, signal: watch.signal });
  await enough.promise;
  watch.abort();
  assert.equal(await noticed, null);
  assert.deepEqual(asked.slice(0, 6), ["PUT", "GET", "PUT", "GET", "PUT", "GET"]);
  assert.equal(told.length, 1);
});

test("a watch that is ended asks no more", async (context) => {
  const metadata = await InstanceMetadata.start("i-1", "c6i.large", true);
  context.after(() => metadata.close());
  const watch = new AbortController();
  const noticed = spotNotice({ endpoint: metadata.url, everyMs: 60_000, log: silent, signal: watch.signal });
  watch.abort();
  assert.equal(await noticed, null);
});
