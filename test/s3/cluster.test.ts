// A cluster whose artifacts are in a bucket: the coordinator has credentials for it, workers and clients have none.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stepwell, temporaryFolder } from "../command.ts";
import { startCoordinator, startWorker } from "../cluster/processes.ts";
import { S3Server } from "../s3-server/server.ts";
import { bucket, useTestCredentials } from "./fixture.ts";

/** A large array, so that there are pieces; files, alone and inside values; elements of a foreach that hold one. */
const flow = `import { writeFileSync } from "node:fs";
import { FlowSpec, artifact, step, type ArtifactFile, type Inputs } from "stepwell";
export class BlobFlow extends FlowSpec {
  declare sets: { file: ArtifactFile; index: number }[];
  declare large: Float64Array;
  declare sum: number;
  declare model: ArtifactFile;
  @step start() {
    this.large = new Float64Array(3_000_000).map((_, at) => at);
    this.sets = [1, 2, 3].map((index) => {
      writeFileSync("set-" + index, Buffer.alloc(400_000 + index));
      return { file: artifact.file("set-" + index), index };
    });
    return this.next(this.work, { foreach: "sets" });
  }
  @step work(set: { file: ArtifactFile; index: number }) {
    this.sum = this.large[set.index]! + set.file.bytes().length;
    writeFileSync("model-" + set.index, Buffer.alloc(20_000_000, set.index));
    this.model = artifact.file("model-" + set.index);
    return this.next(this.join);
  }
  @step join(inputs: Inputs<this>) {
    this.sum = inputs.map((input) => input.sum + input.model.bytes()[19_999_999]!).reduce((a, b) => a + b, 0);
    return this.next(this.end);
  }
  @step end() {}
}
`;

test(
  "workers without credentials run a flow with large values and files, while the bucket fails now and then",
  { timeout: 120_000 },
  async () => {
    await using server = await S3Server.start({ bucket });
    for (const [kind, share] of [
      ["reset", 0.03],
      ["dropAfter", 0.03],
    ] as const) {
      server.faults.add({ fault: { kind }, share });
    }
    server.faults.add({ fault: { kind: "error", status: 503, code: "SlowDown" }, share: 0.05 });
    using temporary = temporaryFolder();
    useTestCredentials();
    const store = `s3://${bucket}/cluster?endpoint=${server.url}`;
    const cluster = await startCoordinator(temporary.path, ["--listen", "127.0.0.1:0", "--store", store]);
    await using _coordinator = cluster.coordinator;
    // What starts from here on inherits none.
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) delete process.env[name];
    await using _one = await startWorker(cluster, 0);
    await using _two = await startWorker(cluster, 1, ["--cache", join(temporary.path, "cache-two")]);
    temporary.write("blob.ts", flow);
    const ran = await stepwell(temporary.path, ["run", "blob.ts", "--detach"], { env: cluster.env });
    assert.equal(ran.code, 0, ran.stderr);
    const elsewhere = join(temporary.path, "elsewhere");
    mkdirSync(elsewhere);
    const watched = await stepwell(elsewhere, ["watch", "BlobFlow/1"], { env: cluster.env });
    assert.equal(watched.code, 0, watched.stdout + watched.stderr);
    const got = await stepwell(elsewhere, ["get", "BlobFlow/1/end/0/sum", "--json"], { env: cluster.env });
    assert.equal(got.stdout, `${1 + 2 + 3 + 3 * 400_000 + 1 + 2 + 3 + 1 + 2 + 3}\n`, got.stderr);
    const names = [...server.bucket(bucket).objects.keys()];
    assert.ok(names.some((name) => name.endsWith(".pieces")));
    assert.ok(names.every((name) => name.startsWith("cluster/cas/")));
    assert.ok((server.faults.hits.get("error") ?? 0) > 0);
  },
);
