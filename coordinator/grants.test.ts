// What a worker without the coordinator's folder is let read and write.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Artifacts } from "../proto/artifact.ts";
import { pieceListBytesMax, type BlobAnswer, type BlobRequest } from "../proto/blobs.ts";
import { parseSha256, type RunId, type Sha256 } from "../proto/ids.ts";
import { parseBlobAnswer } from "../proto/parse/blobs.ts";
import type { Held } from "../sdk/wire/worker-items.ts";
import { foreach, linear, step, submission, succeeded } from "../test/coordinator/graphs.ts";
import { House } from "../test/coordinator/harness.ts";
import type { SimulatedWorker } from "../test/coordinator/simulated-worker.ts";
import type { Coordinator } from "./main.ts";
import type { AuditEntry, AuditTrail } from "./ports/audit-trail.ts";
import type { BlobAccess } from "./ports/blob-access.ts";

const blob = (digit: string): Sha256 => parseSha256(digit.repeat(64));
const [packageBlob, parameterBlob, startBlob, fileBlob, pieceBlob, foreignBlob, packBlob] = ["a", "b", "c", "d", "e", "f", "1"].map(
  blob,
) as [Sha256, Sha256, Sha256, Sha256, Sha256, Sha256, Sha256];

function stored(sha256: Sha256, more: { readonly blobs?: readonly Sha256[] } = {}): Artifacts {
  return { value: { kind: "stored", sha256, size: 9, type: "string", place: { kind: "blob" }, ...more } };
}

const access: BlobAccess = {
  places: [{ kind: "presigned", http: null }],
  sign: async (requests) => requests.map(({ kind, sha256 }) => ({ url: `https://blobs/${kind}/${sha256}`, headers: {} })),
  piecesOf: async (sha256) => new Set(sha256 === fileBlob ? [pieceBlob] : []),
};

async function ask(worker: SimulatedWorker, of: Held, requests: readonly unknown[]): Promise<BlobAnswer> {
  const id = worker.count("blobsAnswered") + 1;
  worker.send({ kind: "askBlobs", of, id, requests: Buffer.from(JSON.stringify(requests)) });
  await worker.until(() => worker.count("blobsAnswered") >= id);
  const item = worker.received.findLast((one) => one.kind === "blobsAnswered");
  assert.equal(item?.id, id);
  return parseBlobAnswer(JSON.parse(Buffer.from(item.answer).toString()));
}

type AtEnd = {
  readonly house: House;
  readonly coordinator: Coordinator;
  readonly worker: SimulatedWorker;
  readonly run: RunId;
  readonly of: Held;
  readonly audited: readonly AuditEntry[];
};

/** A run whose `end` task the worker holds. */
async function atEnd(context: TestContext): Promise<AtEnd> {
  const house = await House.open(context);
  const audited: AuditEntry[] = [];
  const audit: AuditTrail = { record: (entry) => audited.push(entry), close: () => Promise.resolve() };
  const coordinator = await house.start({ blobs: access, access: { tokens: null, issueCertificate: null, audit } });
  const worker = await house.worker(coordinator, { slots: 2, execute: () => null });
  const request = { ...submission(linear(["start", "end"])), codePackage: packageBlob, parameters: stored(parameterBlob) };
  const run = await coordinator.control.submit(request);
  await worker.until(() => worker.assigned("start/0").length === 1);
  const artifacts = stored(startBlob, { blobs: [fileBlob] });
  worker.finish("start/0", { ...succeeded({ kind: "linear", to: step("end") }), artifacts });
  await worker.until(() => worker.assigned("end/0").length === 1);
  const [of] = worker.assigned("end/0");
  assert.ok(of !== undefined);
  return { house, coordinator, worker, run, of, audited };
}

const get = (sha256: Sha256): BlobRequest => ({ kind: "get", sha256 });

test("a worker may read what the order of its attempt names: code, parameters, inputs, their files and the pieces of those", async (context) => {
  const { worker, of } = await atEnd(context);
  const requests = [packageBlob, parameterBlob, startBlob, fileBlob].map(get);
  const answer = await ask(worker, of, [
    ...requests,
    { kind: "get", sha256: pieceBlob, of: fileBlob },
    { kind: "getList", sha256: fileBlob },
  ]);
  assert.equal(answer.kind, "granted");
  assert.deepEqual(
    answer.grants.map(({ url }) => url),
    [...requests.map(({ sha256 }) => `https://blobs/get/${sha256}`), `https://blobs/get/${pieceBlob}`, `https://blobs/getList/${fileBlob}`],
  );
});

test("a blob that the order does not name is refused, with all that was asked for together, and log and audit trail say so", async (context) => {
  const { worker, of, house, audited } = await atEnd(context);
  for (const request of [
    get(foreignBlob),
    { kind: "getList", sha256: foreignBlob },
    { kind: "get", sha256: pieceBlob, of: startBlob },
    { kind: "get", sha256: foreignBlob, of: fileBlob },
  ]) {
    const answer = await ask(worker, of, [get(startBlob), request]);
    assert.equal(answer.kind, "refused", JSON.stringify(request));
  }
  const logged = house.log.entries.filter(({ fields }) => fields["event"] === "blobs.refused");
  const denied = audited.filter(({ action, result }) => action === "blobs" && result === "denied");
  assert.deepEqual([denied.length, denied[0]?.about, denied[0]?.run], [4, "w1", of.run]);
  assert.deepEqual([logged.length, logged[0]?.fields["worker_id"], logged[0]?.fields["task_id"]], [4, "w1", "end/0"]);
});

test("nothing is granted under a lease that is over, that is another worker's, or that never was", async (context) => {
  const { worker, of, coordinator, house } = await atEnd(context);
  const [before] = worker.assigned("start/0");
  assert.ok(before !== undefined);
  const put = { kind: "put", sha256: foreignBlob, size: 3 };
  assert.equal((await ask(worker, of, [put])).kind, "granted");
  for (const held of [before, { ...of, lease: of.lease + 1 }, { ...of, run: "Linear/99" }, { ...of, task: "nobody/0" }]) {
    assert.equal((await ask(worker, held, [put])).kind, "refused");
  }
  const other = await house.worker(coordinator, { id: "w2", slots: 1, execute: () => null });
  assert.equal((await ask(other, of, [put])).kind, "refused");
});

test("a question that cannot be read is refused, and the worker goes on", async (context) => {
  const { worker, of } = await atEnd(context);
  for (const requests of [
    [{ kind: "delete", sha256: startBlob }],
    [{ kind: "get", sha256: "../ledger.db" }],
    Array(501).fill(get(startBlob)),
    [{ kind: "putList", sha256: startBlob, size: pieceListBytesMax + 1, checksum: startBlob }],
  ]) {
    assert.equal((await ask(worker, of, requests)).kind, "refused");
  }
  assert.equal((await ask(worker, of, [get(startBlob)])).kind, "granted");
});

test("an element of a foreach may be read from the pack that it lies in", async (context) => {
  const house = await House.open(context);
  const coordinator = await house.start({ blobs: access });
  const worker = await house.worker(coordinator, { slots: 1, execute: () => null });
  await coordinator.control.submit(submission(foreach()));
  await worker.until(() => worker.assigned("start/0").length === 1);
  worker.finish("start/0", succeeded({ kind: "foreach", to: step("work"), elements: { kind: "pack", pack: packBlob, count: 2 } }));
  await worker.until(() => worker.assigned("work/0").length === 1);
  const [of] = worker.assigned("work/0");
  assert.ok(of !== undefined);
  assert.equal((await ask(worker, of, [get(packBlob)])).kind, "granted");
});

test("a client may read what a run names, and write what a submission will", async (context) => {
  const { coordinator, run } = await atEnd(context);
  const { control } = coordinator;
  assert.deepEqual(await control.blobPlaces(), access.places);
  assert.equal((await control.grantBlobs(run, [get(startBlob), get(packageBlob)])).length, 2);
  await assert.rejects(control.grantBlobs(run, [get(foreignBlob)]), { code: "notFound" });
  await assert.rejects(control.grantBlobs(run, [{ kind: "head", sha256: foreignBlob }]), { code: "notFound" });
  assert.equal((await control.grantBlobs(run, [{ kind: "head", sha256: startBlob }])).length, 1);
  await assert.rejects(control.grantBlobs(null, [get(startBlob)]), { code: "notFound" });
  const put: BlobRequest = { kind: "put", sha256: foreignBlob, size: 3 };
  assert.equal((await control.grantBlobs(null, [put])).length, 1);
  await assert.rejects(control.grantBlobs(run, [put]), { code: "invalid" });
});

test("whoever names a blob that is stored may read it: a hash is not told to others", async (context) => {
  const { coordinator, run } = await atEnd(context);
  const { control } = coordinator;
  const theirs = { ...submission(linear(["start", "end"])), namespace: "user:eve", codePackage: startBlob };
  await assert.rejects(control.grantBlobs(null, [get(startBlob)]), { code: "notFound" });
  const other = await control.submit(theirs);
  assert.equal((await control.grantBlobs(other, [get(startBlob)])).length, 1);
  for (const sha256 of [packageBlob, parameterBlob, fileBlob])
    await assert.rejects(control.grantBlobs(other, [get(sha256)]), { code: "notFound" }, `${run}'s ${sha256}`);
});
