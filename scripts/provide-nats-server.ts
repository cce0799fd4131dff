// Installs nats-server, which the tests start, where that needs no question: as root on Debian and its kin. Elsewhere it says
// what to install, and the tests that need it fail with the same words.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { findNatsServer, natsServerMissing } from "../test/cluster/nats-server.ts";

const minutesMax = 5;

if (findNatsServer() === null) {
  if (isDebian() && process.getuid?.() === 0) install();
  if (findNatsServer() === null) process.stderr.write(`${natsServerMissing}\n`);
}

function isDebian(): boolean {
  try {
    return /^ID(_LIKE)?=.*\bdebian\b/m.test(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return false;
  }
}

function install(): void {
  // Debian starts a service that it installs, except in single-user mode; the tests start servers of their own.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const run = (...words: string[]): void =>
    void execFileSync("apt-get", ["-qq", ...words], { env, stdio: ["ignore", "ignore", "inherit"], timeout: minutesMax * 60_000 });
  try {
    run("update");
    run("install", "-y", "--no-install-recommends", "nats-server");
  } catch (error) {
    process.stderr.write(`nats-server could not be installed: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
