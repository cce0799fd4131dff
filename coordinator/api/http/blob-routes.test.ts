import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { parseSha256, type Sha256 } from "../../../proto/ids.ts";
import { FileArtifactStore } from "../../../sdk/artifact/file-store.ts";
import { ArtifactStoreError } from "../../../sdk/artifact/store.ts";
import { writePieceList } from "../../../sdk/artifact/s3/piece-list.ts";
import { temporaryFolder } from "../../../test/command.ts";
import { blobRoutes } from "./blob-routes.ts";
import { startHttpServer, type HttpServer } from "./http-server.ts";
import { SignedUrls, urlLifetimeMs, type SignedAccess } from "./signed-urls.ts";

const errors: unknown[] = [];
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: (fields: unknown) => void errors.push(fields) };
const folder = temporaryFolder();
const store = new FileArtifactStore(folder.path);
let nowMs = 0;
const urls = new SignedUrls(() => nowMs);
let server: HttpServer;

before(async () => {
  const routes = blobRoutes({ root: folder.path, store, urls });
  server = await startHttpServer({ host: "127.0.0.1", port: 0, tls: null, routes, log });
});
beforeEach(() => {
  nowMs = 1_000_000;
});
after(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

type Sent = { readonly method?: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: Uint8Array };
type Answer = { readonly status: number; readonly headers: Readonly<Record<string, unknown>>; readonly body: Buffer };

function send(path: string, { method = "GET", headers = {}, body }: Sent = {}, { port } = server): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method, headers }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on("data", (piece: Buffer) => pieces.push(piece));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(pieces) }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

function nameOf(bytes: Uint8Array): Sha256 {
  return parseSha256(createHash("sha256").update(bytes).digest("hex"));
}

function toPut(bytes: Uint8Array): string {
  const sha256 = nameOf(bytes);
  return urls.sign({ method: "PUT", part: "bytes", sha256, size: bytes.length, checksum: sha256 });
}

function put(path: string, body: Uint8Array): Promise<Answer> {
  return send(path, { method: "PUT", body, headers: { "content-length": String(body.length) } });
}

const toGet = (sha256: Sha256): string => urls.sign({ method: "GET", part: "bytes", sha256 });

test("a blob is written with a URL for its bytes, and read with another; writing it again heals it", async () => {
  const bytes = Buffer.from("these very bytes");
  assert.equal((await put(toPut(bytes), bytes)).status, 200);
  assert.deepEqual(Buffer.from(await store.get(nameOf(bytes))), bytes);
  const path = join(folder.path, nameOf(bytes).slice(0, 2), nameOf(bytes).slice(2));
  chmodSync(path, 0o644);
  writeFileSync(path, Buffer.alloc(bytes.length));
  assert.equal((await put(toPut(bytes), bytes)).status, 200);
  const answer = await send(toGet(nameOf(bytes)));
  assert.deepEqual([answer.status, answer.body], [200, bytes]);
});

test("a part is answered as a part, and one that lies behind the end is refused", async () => {
  const sha256 = await store.put(Buffer.from("0123456789"));
  for (const [range, text] of [
    ["bytes=2-4", "234"],
    ["bytes=7-", "789"],
    ["bytes=8-100", "89"],
  ] as const) {
    const { status, body, headers } = await send(toGet(sha256), { headers: { range } });
    assert.deepEqual([status, body.toString(), String(headers["content-range"]).endsWith("/10")], [206, text, true]);
  }
  assert.equal((await send(toGet(sha256), { headers: { range: "bytes=10-" } })).status, 416);
  const head = await send(urls.sign({ method: "HEAD", part: "bytes", sha256 }), { method: "HEAD" });
  assert.deepEqual([head.status, head.headers["content-length"], head.body.length], [200, "10", 0]);
});

test("a URL is good for what was signed only, and not for ever", async () => {
  const [sha256, other] = [await store.put(Buffer.from("one")), await store.put(Buffer.from("other"))];
  const url = toGet(sha256);
  assert.equal((await send(url.replace(sha256, other))).status, 403);
  assert.equal((await send(url.replace(/proof=[^&]*/, "proof=AAAA"))).status, 403);
  assert.equal((await send(`/blobs/${sha256}`)).status, 403);
  assert.equal((await send(url.replace(/until=\d+/, `until=${nowMs + 10 * urlLifetimeMs}`))).status, 403);
  assert.equal((await send(url, { method: "HEAD" })).status, 403);
  assert.equal((await put(url, Buffer.from("one"))).status, 403);
  const write = toPut(Buffer.from("new"));
  assert.equal((await put(write.replace("size=3", "size=4"), Buffer.from("news"))).status, 403);
  assert.equal((await send(url)).status, 200);
  nowMs += urlLifetimeMs;
  const late = await send(url);
  assert.deepEqual([late.status, /expired/.test(late.body.toString())], [403, true]);
});

test("a body of other bytes or another length leaves nothing behind", async () => {
  const wanted = Buffer.from("wanted bytes");
  const before = readdirSync(folder.path, { recursive: true }).length;
  assert.equal((await put(toPut(wanted), Buffer.from("other bytes!"))).status, 400);
  assert.equal((await put(toPut(wanted), Buffer.from("short"))).status, 400);
  assert.equal(await store.has(nameOf(wanted)), false);
  assert.equal(await store.has(nameOf(Buffer.from("other bytes!"))), false);
  assert.equal(readdirSync(folder.path, { recursive: true }).length, before);
  assert.equal((await send(toGet(nameOf(wanted)))).status, 404);
});

test("a body that breaks off leaves nothing behind, and is no failure of the coordinator's", { timeout: 20_000 }, async () => {
  const bytes = Buffer.alloc(1_000_000, "x");
  const asked = request({
    host: "127.0.0.1",
    port: server.port,
    path: toPut(bytes),
    method: "PUT",
    headers: { "content-length": String(bytes.length) },
  });
  asked.on("error", () => undefined);
  asked.write(bytes.subarray(0, 400_000));
  const unfinished = (): number => readdirSync(`${folder.path}/tmp`).length;
  while (unfinished() === 0) await new Promise((resolve) => setImmediate(resolve));
  asked.destroy();
  while (unfinished() > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await send("/")).status, 404);
  assert.deepEqual(errors, []);
  assert.equal(await store.has(nameOf(bytes)), false);
});

test("who sends a large body to a full disk is told so", { timeout: 20_000 }, async (context) => {
  class FullStore extends FileArtifactStore {
    override async putStream(source: AsyncIterable<Uint8Array>): Promise<never> {
      for await (const _ of source) break;
      throw new ArtifactStoreError("full", "no space left");
    }
  }
  const routes = blobRoutes({ root: folder.path, store: new FullStore(folder.path), urls });
  const full = await startHttpServer({ host: "127.0.0.1", port: 0, tls: null, routes, log });
  context.after(() => full.close());
  const body = Buffer.alloc(16 * 1024 * 1024, "y");
  const answer = await send(toPut(body), { method: "PUT", body, headers: { "content-length": String(body.length) } }, full);
  assert.deepEqual([answer.status, answer.body.toString()], [507, "no space left\n"]);
});

test("what came in pieces is put together when its list has come, unless the pieces make something else", async () => {
  const pieces = [Buffer.alloc(1000, "a"), Buffer.alloc(1000, "b"), Buffer.alloc(10, "c")];
  for (const piece of pieces) assert.equal((await put(toPut(piece), piece)).status, 200);
  const whole = Buffer.concat(pieces);
  const listOf = (sha256: Sha256): Buffer => writePieceList({ sha256, size: whole.length, pieceBytes: 1000, pieces: pieces.map(nameOf) });
  const access = (sha256: Sha256): SignedAccess => {
    const list = listOf(sha256);
    return { method: "PUT", part: "list", sha256, size: list.length, checksum: nameOf(list) };
  };
  const wrong = nameOf(Buffer.from("something else"));
  assert.equal((await put(urls.sign(access(wrong)), listOf(wrong))).status, 400);
  assert.equal(await store.has(wrong), false);
  const sha256 = nameOf(whole);
  assert.equal((await put(urls.sign(access(sha256)), listOf(sha256))).status, 200);
  assert.deepEqual(Buffer.from(await store.get(sha256)), whole);
  assert.equal((await send(urls.sign({ method: "GET", part: "list", sha256 }))).status, 404);
});

test("what is in no route is not there, and a route answers its own methods only", async () => {
  assert.equal((await send("/")).status, 404);
  assert.equal((await send("/blobs/../ledger.db")).status, 404);
  assert.equal((await send("/blobs/" + "a".repeat(63))).status, 404);
  assert.equal((await send(toGet(nameOf(Buffer.from("x"))), { method: "DELETE" })).status, 405);
});
