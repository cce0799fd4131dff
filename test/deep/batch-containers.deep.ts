// Jobs of the Batch test server in containers: as processes they only pretend to have limits.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { TerminateJobCommand } from "@aws-sdk/client-batch";
import { BatchFixture, fargateContainer, sleeps } from "../batch-server/fixture.ts";
import { PodmanRunner, podmanEnvironment } from "../batch-server/podman-runner.ts";

const image = "localhost/stepwell-batch-test:1";
const reason = whyNoPodman();

if (reason !== null) test("jobs in containers", { skip: reason }, () => {});
else describeContainers();

function describeContainers(): void {
  const folder = mkdtempSync(join(tmpdir(), "stepwell-podman-"));
  const runner = new PodmanRunner(folder);
  const env = podmanEnvironment(join(folder, "containers.conf"));
  importImage(folder, env);
  after(() => {
    spawnSync("podman", ["rmi", "--force", image], { env });
    rmSync(folder, { recursive: true, force: true });
  });

  const start = () => BatchFixture.start({ timeScale: 1, runner, image });
  const small = fargateContainer.resourceRequirements;
  const whenUp = async ({ server }: BatchFixture, jobId: string): Promise<void> => {
    await server.whenStatus(jobId, "RUNNING");
    while (!server.logOf(jobId).includes("up")) await new Promise((resolve) => setTimeout(resolve, 50));
  };

  describe("a container", () => {
    test("has the memory and the variables of its job", async () => {
      await using batch = await start();
      const jobId = await batch.submit(
        "console.log(process.constrainedMemory(), process.env.A, process.pid, process.env.AWS_BATCH_JOB_ATTEMPT)",
        {
          containerOverrides: { environment: [{ name: "A", value: "a b" }], resourceRequirements: small },
        },
      );
      assert.equal((await batch.server.whenStatus(jobId)).status, "SUCCEEDED");
      assert.equal(batch.server.logOf(jobId).trim(), `${512 * 1024 * 1024} a b 1 1`);
    });

    test("that takes more memory ends with 137 and the reason", async () => {
      await using batch = await start();
      const jobId = await batch.submit("const kept = []; setInterval(() => kept.push(Buffer.alloc(64 << 20, 1)), 5)");
      const job = await batch.server.whenStatus(jobId);
      assert.equal(job.container?.exitCode, 137);
      assert.equal(job.container.reason, "OutOfMemoryError: Container killed due to memory usage");
    });

    test("ends when it is asked to, and is gone when the server has closed", async () => {
      const names = (): string => execFileSync("podman", ["ps", "--format", "{{.Names}}"], { env, encoding: "utf8" });
      {
        await using batch = await start();
        const polite = await batch.submit(`process.on("SIGTERM", () => process.exit(0)); console.log("up"); ${sleeps}`);
        const other = await batch.submit(`console.log("up"); ${sleeps}`);
        await whenUp(batch, polite);
        await whenUp(batch, other);
        assert.ok(names().includes(other));
        await batch.client.send(new TerminateJobCommand({ jobId: polite, reason: "not needed" }));
        const job = await batch.server.whenStatus(polite);
        assert.equal(job.statusReason, "not needed");
        assert.equal(job.container?.exitCode, 0);
      }
      assert.equal(names().includes("stepwell-batch-"), false);
    });
  });

  test("an image that is not there cannot be pulled, and a program that is not in it cannot be started", async () => {
    await using batch = await BatchFixture.start({ timeScale: 1, runner, image: "localhost/stepwell-batch-other:1" });
    const job = await batch.server.whenStatus(await batch.submit("0"));
    assert.equal(job.statusReason, "Task failed to start");
    assert.match(job.container?.reason ?? "", /^CannotPullContainerError: /);
    await using other = await start();
    const unknown = await other.submit("", { containerOverrides: { command: ["no-such-program"] } });
    assert.match((await other.server.whenStatus(unknown)).container?.reason ?? "", /^CannotStartContainerError: .*no-such-program/);
    const failing = await other.submit("process.exit(127)");
    assert.equal((await other.server.whenStatus(failing)).container?.exitCode, 127);
  });
}

/** Node and what it is linked to, and nothing else. */
function importImage(folder: string, env: NodeJS.ProcessEnv): void {
  const root = join(folder, "root");
  const libraries = execFileSync("ldd", [process.execPath], { encoding: "utf8" }).matchAll(/(\/\S+\.so\S*)/g);
  for (const [, file = ""] of libraries) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    copyFileSync(file, join(root, file));
  }
  for (const name of ["bin", "tmp", "proc", "dev", "etc"]) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(process.execPath, join(root, "bin/node"));
  const archive = join(folder, "root.tar");
  execFileSync("tar", ["-C", root, "-cf", archive, "."]);
  execFileSync("podman", ["import", "--change", "ENV PATH=/bin", archive, image], { env, stdio: ["ignore", "ignore", "pipe"] });
  rmSync(archive);
}

function whyNoPodman(): string | null {
  if (process.platform !== "linux" || !existsSync("/etc/debian_version")) return "podman is installed from Debian's packages only";
  if (process.getuid?.() !== 0) return "containers are started as root only";
  const packages = ["podman", "runc"];
  if (packages.every((name) => spawnSync("dpkg", ["-s", name]).status === 0)) return null;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update", "-qq"], { env });
  const installed = spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], { env, encoding: "utf8" });
  return installed.status === 0 ? null : `podman could not be installed: ${installed.stderr.trim().split("\n").at(-1) ?? ""}`;
}
