// Runs a job in a container of podman, with the memory and the processors that it asked for and no more.
//
// R1. Nothing is pulled: an image that is not there cannot be had.
// R2. The network is the machine's, so that addresses of this machine mean the same inside.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import type { Container, Exit, Launch, Runner } from "./runner.ts";

/** What works without rights over the limits of the machine, and without systemd. */
const configuration = `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
`;

const killedCode = 137;
/** Podman failed, what should run cannot be run, or is not there. */
const notRunCodes = [125, 126, 127];

export class PodmanRunner implements Runner {
  readonly #env: NodeJS.ProcessEnv;
  readonly #alive = new Set<Container>();

  /** In the folder is kept how podman is to be. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "containers.conf");
    writeFileSync(file, configuration);
    this.#env = podmanEnvironment(file);
  }

  start(launch: Launch): Container {
    const name = `stepwell-batch-${launch.jobId.replace(":", "-")}-${launch.attempt}`;
    mkdirSync(dirname(launch.logFile), { recursive: true });
    const log = openSync(launch.logFile, "a");
    const child = spawn("podman", wordsOf(launch, name), { env: this.#env, detached: true, stdio: ["ignore", log, log] });
    closeSync(log);
    let isEnded = false;
    let isKilled = false;
    const tell = (signal: "TERM" | "KILL"): void => this.#signal(name, { signal, isNeeded: () => !isEnded });
    const ended = (async (): Promise<Exit> => {
      const [code] = (await once(child, "exit")) as [number | null];
      isEnded = true;
      const problem = notRunCodes.includes(code ?? 0) ? problemIn(launch.logFile) : null;
      if (problem !== null) return { kind: "notStarted", reason: problem };
      // The kernel reports no more than the kill: nobody else does that.
      return { kind: "exited", code: code ?? killedCode, isOutOfMemory: code === killedCode && !isKilled };
    })();
    const container: Container = {
      ended,
      stop: () => tell("TERM"),
      kill: (why) => {
        isKilled ||= why === undefined;
        tell("KILL");
      },
    };
    this.#alive.add(container);
    void this.#forget(container);
    return container;
  }

  async close(): Promise<void> {
    const all = [...this.#alive];
    for (const container of all) container.kill();
    await Promise.all(all.map(({ ended }) => ended));
  }

  async #forget(container: Container): Promise<void> {
    await container.ended;
    this.#alive.delete(container);
  }

  /** A container that is not there yet is told as soon as it is. */
  #signal(name: string, { signal, isNeeded }: { readonly signal: "TERM" | "KILL"; readonly isNeeded: () => boolean }): void {
    execFile("podman", ["kill", "--signal", signal, name], { env: this.#env }, (error) => {
      if (error !== null && isNeeded()) setTimeout(() => this.#signal(name, { signal, isNeeded }), 100);
    });
  }
}

/** What podman needs of ours, and how it is to be. */
export function podmanEnvironment(configurationFile: string): NodeJS.ProcessEnv {
  const { PATH = "/usr/bin:/bin", HOME = "/root" } = process.env;
  return { PATH, HOME, CONTAINERS_CONF: configurationFile };
}

function wordsOf({ image, command, environment, needs }: Launch, name: string): string[] {
  const memory = `${needs.memoryMiB}m`;
  const variables = Object.entries(environment).flatMap(([variable, value]) => ["--env", `${variable}=${value}`]);
  const limits = [
    "--memory",
    memory,
    "--memory-swap",
    memory,
    "--cpus",
    String(Math.min(needs.vcpus, availableParallelism())),
    "--pids-limit",
    "1024",
  ];
  return ["run", "--rm", "--pull=never", "--network=host", "--name", name, ...limits, ...variables, image, ...command];
}

/** If the last that was said is podman's own: a program that ends with such a code says something else. */
function problemIn(logFile: string): string | null {
  const said = readFileSync(logFile, "utf8").trim().split("\n").at(-1) ?? "";
  if (!said.startsWith("Error: ")) return null;
  return /image not known|no such image/i.test(said) ? `CannotPullContainerError: ${said}` : `CannotStartContainerError: ${said}`;
}
