// A client without the coordinator's folder reads what runs name, on behalf of each.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openRemote } from "../../cli/cluster/remote.ts";
import { keepArtifacts } from "../../sdk/artifact/keep.ts";
import { readArtifact } from "../../sdk/artifact/read.ts";
import type { StoredRef } from "../../proto/artifact.ts";
import { linear, submission } from "../coordinator/graphs.ts";
import { temporaryFolder } from "../command.ts";
import { RemoteCluster } from "./remote-cluster.ts";

const runsCount = 40;

test("what any run names is read, however many were asked about, and through no other run", { timeout: 30_000 }, async () => {
  using temporary = temporaryFolder();
  await using cluster = await RemoteCluster.start(temporary.path);
  const remote = openRemote(cluster.endpoint);
  const codePackage = await remote.store.put(Buffer.from("code"));
  const submitted = Array.from({ length: runsCount }, async (_, number) => {
    const parameters = await keepArtifacts(new Map([["large", new Float64Array(10_000).fill(number)]]), remote.store);
    const run = await remote.control.submit({ ...submission(linear(["start", "end"])), codePackage, parameters });
    return { number, run, ref: parameters["large"] as StoredRef };
  });
  const runs = await Promise.all(submitted);
  const first = (value: unknown): number | undefined => (value as Float64Array)[0];
  for (const { number, run, ref } of runs) assert.equal(first(await readArtifact(ref, remote.storeOf(run))), number);
  const [one, other] = runs;
  assert.ok(one !== undefined && other !== undefined);
  const denied = { code: "notFound", message: new RegExp(`^${other.run} names no blob ${one.ref.sha256}`) };
  await assert.rejects(remote.storeOf(other.run).get(one.ref.sha256), denied);
  await remote.close();
});
