// What deploy/ holds can be used: the units are valid, every variable in them is a setting, and with those variables alone a
// coordinator and a worker find each other.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { settingNames } from "../cli/setting-table.ts";
import { variableOf } from "../cli/settings.ts";
import { Service } from "./cluster/processes.ts";
import { bin, root, stepwell, temporaryFolder } from "./command.ts";

const units = ["stepwell-coordinator.service", "stepwell-worker.service"] as const;
const read = (file: string): string => readFileSync(join(root, "deploy", file), "utf8");

test("the systemd units are valid", { timeout: 30_000 }, (t) => {
  if (spawnSync("systemd-analyze", ["--version"]).status !== 0) return t.skip("there is no systemd-analyze");
  using folder = temporaryFolder();
  for (const unit of units) {
    // The program of this checkout in place of the installed one, which verify looks for.
    const text = read(`systemd/${unit}`).replace("/usr/local/bin/stepwell", `${process.execPath} ${bin}`);
    writeFileSync(join(folder.path, unit), text);
    const verified = spawnSync("systemd-analyze", ["verify", "--man=no", join(folder.path, unit)], { encoding: "utf8" });
    const about = verified.stderr.split("\n").filter((line) => line.includes(unit));
    assert.deepEqual(about, []);
  }
});

test("every variable in deploy/ is a setting, or a secret that is none", () => {
  const known = new Set([...settingNames.map(variableOf), "STEPWELL_TOKEN", "STEPWELL_IMAGE", "STEPWELL_NAMES"]);
  for (const file of [
    "compose/compose.yaml",
    "compose/README.md",
    "docker/Dockerfile",
    "docker/README.md",
    "systemd/README.md",
    ...units.map((unit) => `systemd/${unit}`),
  ]) {
    const named = [...read(file).matchAll(/\bSTEPWELL_[A-Z_]+/g)].map(([name]) => name);
    assert.ok(named.length > 0, file);
    for (const name of named) assert.ok(known.has(name), `${file} names ${name}`);
  }
});

/** `NAME: value` of one service of the compose file, with other values where the machine has other folders and addresses. */
function environmentOf(service: string, instead: Readonly<Record<string, string>>): Record<string, string> {
  const [, body = ""] = new RegExp(`^  ${service}:\\n((?: {4}.*\\n)+)`, "m").exec(read("compose/compose.yaml")) ?? [];
  const pairs = [...body.matchAll(/^ {6}(STEPWELL_\w+): (.+)$/gm)].map(
    ([, name = "", value = ""]) => [name, instead[name] ?? value] as const,
  );
  assert.ok(pairs.length > 0, service);
  return Object.fromEntries(pairs.filter(([, value]) => value !== ""));
}

test("with the variables of the compose file alone, a coordinator serves and a worker joins it over TLS", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "data");
  const served = environmentOf("coordinator", {
    STEPWELL_LISTEN: "0.0.0.0:0",
    STEPWELL_DATA: data,
    STEPWELL_NATS: "",
    STEPWELL_TLS_NAMES: "coordinator",
  });
  await using coordinator = new Service(["coordinator"], { cwd: folder.path, env: served });
  const { address } = await coordinator.event("coordinator.listening");
  const own = {
    STEPWELL_COORDINATOR: String(address).replace("0.0.0.0", "localhost"),
    STEPWELL_CA_FILE: join(data, "tls/ca.pem"),
    STEPWELL_TOKEN_FILE: join(data, "admin-token"),
    STEPWELL_CACHE_DIR: join(folder.path, "cache"),
  };
  const env = environmentOf("worker", own);
  await using _worker = new Service(["worker"], { cwd: folder.path, env });
  await coordinator.event("worker.connected");
  const workers = await stepwell(folder.path, ["workers", "--json"], { env });
  assert.equal((JSON.parse(workers.stdout) as { workers: unknown[] }).workers.length, 1, workers.stderr);
});
