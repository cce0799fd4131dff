// A worker in a container whose image is Node and the libraries that it is linked to: as process one, with limits, and as nobody.

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { oneFileWorker } from "../../cli/cluster/worker-file.ts";
import { bootstrapCommand } from "../../coordinator/adapters/batch/bootstrap.ts";
import { startHttpServer } from "../../coordinator/api/http/http-server.ts";
import { workerRoute } from "../../coordinator/api/http/worker-route.ts";
import { PodmanRunner, podmanEnvironment } from "../batch-server/podman-runner.ts";
import { startCoordinator } from "../cluster/processes.ts";
import { root, stepwell, temporaryFolder } from "../command.ts";

const image = "localhost/stepwell-bare-node:1";
const canRun = process.getuid?.() === 0 && ["podman", "runc"].every((name) => spawnSync(name, ["--version"]).status === 0);
const skip = canRun ? false : "podman and runc are not installed, or this is not root";

test(
  "an image with Node alone hosts a worker, which runs flows within limits, and drains at SIGTERM",
  { skip, timeout: 120_000 },
  async (t) => {
    const settings = mkdtempSync(join(tmpdir(), "stepwell-image-"));
    await new PodmanRunner(settings).close();
    const env = podmanEnvironment(join(settings, "containers.conf"));
    importImage(settings, env);
    t.after(() => {
      spawnSync("podman", ["rmi", "--force", image], { env });
      rmSync(settings, { recursive: true, force: true });
    });
    using folder = temporaryFolder();
    const cluster = await startCoordinator(folder.path, ["--listen", "0.0.0.0:0"]);
    t.after(() => cluster.coordinator[Symbol.asyncDispose]());
    const { fingerprint } = await cluster.coordinator.event("coordinator.listening");
    const given = oneFileWorker("the identity of a data folder");
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };
    const server = await startHttpServer({ host: "127.0.0.1", port: 0, tls: null, routes: [workerRoute(given)], log });
    t.after(() => server.close());

    const trust = { STEPWELL_COORDINATOR: cluster.address.replace("0.0.0.0", "127.0.0.1"), STEPWELL_FINGERPRINT: String(fingerprint) };
    const inside = { ...trust, STEPWELL_TOKEN: cluster.token(), HOME: "/tmp" };
    const name = `stepwell-image-${process.pid}`;
    const limits = ["--memory", "512m", "--memory-swap", "512m", "--cpus", "1", "--pids-limit", "256", "--user", "10001"];
    const variables = Object.entries(inside).flatMap(([variable, value]) => ["--env", `${variable}=${value}`]);
    const command = bootstrapCommand({ url: `http://127.0.0.1:${server.port}${given.path}`, sha256: given.sha256 });
    const words = [
      "run",
      "--rm",
      "--pull=never",
      "--network=host",
      "--name",
      name,
      ...limits,
      ...variables,
      image,
      ...command,
      "--slots",
      "4",
    ];
    const container = spawn("podman", words, { env, stdio: ["ignore", "ignore", "inherit"] });
    const exit = once(container, "exit");
    t.after(() => spawnSync("podman", ["rm", "--force", "--ignore", name], { env }));
    await Promise.race([
      cluster.coordinator.event("worker.connected"),
      exit.then(([code]) => Promise.reject(new Error(`the container ended with ${code}`))),
    ]);

    const outside = { ...cluster.env, ...trust };
    for (const [file, run] of [
      ["hello", "HelloFlow/1"],
      ["train", "TrainFlow/1"],
    ] as const) {
      const begun = await stepwell(root, ["run", `examples/${file}.ts`, "--detach"], { env: outside });
      assert.equal(begun.code, 0, begun.stderr);
      const watched = await stepwell(root, ["watch", run], { env: outside });
      assert.equal(watched.code, 0, watched.stdout + watched.stderr);
    }
    const status = execFileSync("podman", ["exec", name, "/bin/node", "-p", "require('fs').readFileSync('/proc/1/status', 'utf8')"], {
      env,
      encoding: "utf8",
    });
    assert.match(status, /^Uid:\t10001\t10001\t/m);
    execFileSync("podman", ["kill", "--signal", "TERM", name], { env });
    assert.deepEqual(await exit, [0, null]);
  },
);

function importImage(folder: string, env: NodeJS.ProcessEnv): void {
  const files = join(folder, "root");
  for (const name of ["bin", "tmp", "proc", "dev", "etc"]) mkdirSync(join(files, name), { recursive: true, mode: 0o1777 });
  execFileSync("chmod", ["1777", join(files, "tmp")]);
  for (const [, file = ""] of execFileSync("ldd", [process.execPath], { encoding: "utf8" }).matchAll(/(\/\S+\.so\S*)/g)) {
    mkdirSync(join(files, dirname(file)), { recursive: true });
    copyFileSync(file, join(files, file));
  }
  copyFileSync(process.execPath, join(files, "bin/node"));
  const archive = join(folder, "root.tar");
  execFileSync("tar", ["-C", files, "-cf", archive, "."]);
  execFileSync("podman", ["import", "--change", "ENV PATH=/bin", archive, image], { env, stdio: ["ignore", "ignore", "pipe"] });
  rmSync(archive);
}
