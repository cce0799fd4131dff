// What the commands of a cluster write where, how they end, and what they offer to a shell.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { bin, cleanEnvironment, stepwell, temporaryFolder, type Ran } from "../command.ts";
import { startCoordinator, startWorker } from "./processes.ts";

const options = { timeout: 120_000 };

const flow = `import { FlowSpec, step } from "stepwell";
export class TinyFlow extends FlowSpec {
  @step start() { return this.next(this.end); }
  @step end() {}
}
`;

test("JSON alone on standard output, ids alone with -q, an exit code for each kind of mistake, and completions", options, async () => {
  using temporary = temporaryFolder();
  const cluster = await startCoordinator(temporary.path);
  await using _coordinator = cluster.coordinator;
  await using _worker = await startWorker(cluster, 0);
  temporary.write("tiny.ts", flow);
  const { env } = cluster;
  const ask = (...words: string[]): Promise<Ran> => stepwell(temporary.path, words, { env });
  assert.equal((await ask("run", "tiny.ts", "--detach", "-q")).stdout, "TinyFlow/1\n");
  assert.equal((await ask("watch", "TinyFlow/1", "-q")).code, 0);
  const { worker_id: id } = await cluster.coordinator.event("worker.connected");
  const worker = String(id);

  for (const words of [
    ["workers"],
    ["worker", "inspect", worker],
    ["runs"],
    ["status", "TinyFlow/1"],
    ["token", "list"],
    ["gc", "--dry-run"],
  ]) {
    const { code, stdout, stderr } = await ask(...words, "--json");
    assert.deepEqual([code, stderr], [0, ""], words.join(" "));
    assert.equal(typeof JSON.parse(stdout), "object");
  }
  assert.equal((await ask("workers", "-q")).stdout, `${worker}\n`);

  const ended = {
    "workers --jsn": 2,
    "worker drian box": 2,
    "worker inspect nobody": 3,
    "worker drain nobody": 3,
    "token revoke sw_000000000000": 3,
    "cancel TinyFlow/1": 6,
    "status TinyFlow/9": 3,
    "gc --keep-days soon": 2,
    "watch TinyFlow/1": 0,
  };
  const codes: Record<string, number | null> = {};
  for (const line of Object.keys(ended)) codes[line] = (await ask(...line.split(" "))).code;
  assert.deepEqual(codes, ended);
  assert.match((await ask("workers", "--jsn")).stderr, /did you mean "--json"\?/);
  assert.equal(
    (await stepwell(temporary.path, ["workers"], { env: { ...env, STEPWELL_TOKEN: "sw_wrong", STEPWELL_TOKEN_FILE: "" } })).code,
    4,
  );

  // Who reads no further ends nothing with an error.
  const cut = spawnSync(
    "sh",
    ["-c", `'${process.execPath}' '${bin}' workers -o wide | true; '${process.execPath}' '${bin}' runs | head -c 1`],
    {
      cwd: temporary.path,
      env: { ...cleanEnvironment(), ...env },
      encoding: "utf8",
    },
  );
  assert.equal(cut.stderr.replace(/^.*\d workers?, .*\n/m, "").replace(/^.*\d runs?.*\n/m, ""), "");

  const offers = {
    "worker drain ": [worker],
    "worker ": ["drain", "inspect"],
    "status Tiny": ["TinyFlow/1"],
  };
  for (const [line, offered] of Object.entries(offers))
    assert.deepEqual((await ask("__complete", ...line.split(" "))).stdout.trim().split("\n").toSorted(), offered, line);
});

test("completion is quiet and quick where the coordinator does not answer", options, async () => {
  using temporary = temporaryFolder();
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  silent.unref();
  for (const address of ["127.0.0.1:1", `127.0.0.1:${(silent.address() as AddressInfo).port}`]) {
    const env = { STEPWELL_COORDINATOR: address };
    const ran = await stepwell(temporary.path, ["__complete", "worker", "drain", ""], { env, timeoutMs: 10_000 });
    assert.deepEqual(ran, { code: 0, stdout: "", stderr: "" }, address);
  }
  silent.close();
});
