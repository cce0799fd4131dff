// A cluster whose artifacts are in a bucket, by its commands alone: with URLs that the coordinator signs, and with workers that
// have credentials of their own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRunId } from "../../proto/ids.ts";
import { openRemote } from "../../cli/cluster/remote.ts";
import { parseS3Place } from "../../sdk/artifact/s3/place.ts";
import { S3ArtifactStore } from "../../sdk/artifact/s3/s3-store.ts";
import { stepwell, temporaryFolder } from "../command.ts";
import { bucket, useTestCredentials } from "../s3/fixture.ts";
import { S3Process } from "../s3-server/process.ts";
import { Service, startCoordinator, startWorker, type Cluster } from "./processes.ts";

const options = { timeout: 120_000 };

const flow = `import { FlowSpec, parameter, step } from "stepwell";
export class BucketFlow extends FlowSpec {
  scale = parameter.integer({ default: 2 });
  declare large: Float64Array;
  declare sum: number;
  @step start() {
    this.large = new Float64Array(50_000).fill(this.scale);
    return this.next(this.end);
  }
  @step end() {
    this.sum = this.large.reduce((a, b) => a + b, 0);
  }
}
`;

/** What a stored value names as its copy in the bucket. */
function copyOf(ref: unknown): string {
  const { place } = ref as { readonly place: { readonly kind: string; readonly copy?: { readonly pack: string } } };
  assert.equal(place.kind, "inline");
  assert.ok(place.copy !== undefined, "it rides in the ledger alone");
  return place.copy.pack;
}

for (const access of ["presigned", "role"] as const) {
  test(`runs, values, collection and doctor over a bucket, access ${access}`, options, async () => {
    await using server = await S3Process.start({ bucket });
    using temporary = temporaryFolder();
    useTestCredentials();
    const store = `s3://${bucket}/cluster?endpoint=${server.url}`;
    const words = ["--listen", "127.0.0.1:0", "--store", store, "--store-access", access];
    const cluster = await startCoordinator(temporary.path, words);
    await using _coordinator = cluster.coordinator;
    const keys = keysOfEnvironment();
    if (access === "presigned") for (const name of Object.keys(keys)) delete process.env[name];
    await using _worker = await startWorker(cluster, 0);
    Object.assign(process.env, keys);
    const others = access === "role" ? {} : { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
    const ask = (...command: string[]) => stepwell(temporary.path, command, { env: { ...cluster.env, ...others } });

    temporary.write("bucket.ts", flow);
    for (const number of [1, 2]) {
      const ran = await ask("run", "bucket.ts", "--scale", "3", "--detach");
      assert.equal(ran.stdout, `BucketFlow/${number}\n`, ran.stderr);
      assert.equal((await ask("watch", `BucketFlow/${number}`)).code, 0);
    }
    assert.equal((await ask("get", "BucketFlow/1/end/0/sum", "--json")).stdout, "150000\n");
    const resumed = await ask("resume", "BucketFlow/1", "end", "--detach");
    assert.equal(resumed.stdout, "BucketFlow/3\n", resumed.stderr);
    assert.equal((await ask("watch", "BucketFlow/3")).code, 0);

    await holdsEveryValue(cluster, store);

    const doctor = await stepwell(temporary.path, ["doctor", "--json"], { env: { ...cluster.env, STEPWELL_STORE: store } });
    const { checks } = JSON.parse(doctor.stdout) as { readonly checks: readonly { readonly check: string; readonly status: string }[] };
    for (const name of ["coordinator", "cluster store", "bucket"])
      assert.equal(checks.find(({ check }) => check === name)?.status, "ok", `${name}: ${doctor.stdout}`);

    const collected = await ask("gc", "--keep-last", "1", "--namespace=");
    assert.equal(collected.code, 0, collected.stderr);
    assert.match(collected.stdout, /gave up the artifacts of 2 runs: BucketFlow\/2, BucketFlow\/1\n/);
    assert.match(collected.stdout, /left \d+ blobs? .* stored less than 48 hours ago/);
    assert.equal((await ask("get", "BucketFlow/3/start/0/large", "--json")).code, 0);
    assert.notEqual((await ask("resume", "BucketFlow/2", "--detach")).code, 0);
  });
}

function keysOfEnvironment(): Record<string, string> {
  const { AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "" } = process.env;
  return { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY };
}

/** Also what a client has given, and what is small enough to ride in the ledger. */
async function holdsEveryValue(cluster: Cluster, address: string): Promise<void> {
  const store = await S3ArtifactStore.open(parseS3Place(address));
  const { control, close } = openRemote({ address: cluster.address, token: cluster.token() });
  const run = await control.run(parseRunId("BucketFlow/1"));
  const task = (await control.tasks(run.run, { limit: 10 })).items.find(({ step }) => step === "end");
  for (const ref of [run.parameters["scale"], task?.artifacts["sum"]]) {
    const pack = copyOf(ref);
    assert.ok(await store.has(pack as Parameters<typeof store.has>[0]), pack);
  }
  await close();
}

test("a coordinator that waits for a bucket where nobody answers says what it waits for", options, async () => {
  using temporary = temporaryFolder();
  useTestCredentials();
  const store = `s3://${bucket}?endpoint=http://127.0.0.1:1&region=us-east-1`;
  await using coordinator = new Service(["coordinator", "--data", "data", "--listen", "127.0.0.1:0", "--store", store], {
    cwd: temporary.path,
  });
  const told = await coordinator.event("store.slow");
  assert.deepEqual([told["level"], told["store"]], ["warn", `s3://${bucket} at http://127.0.0.1:1`]);
});
