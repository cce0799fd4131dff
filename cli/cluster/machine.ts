// A whole cluster on this machine, as `stepwell up` starts it: processes of their own, each started again when it ends.
//
// M1. They end in the opposite order of their start: workers, coordinator, nats-server.
// M2. What runs is recorded in the data folder whenever it changes, so that `stepwell down` can end it.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { startOfProcess } from "../../coordinator/adapters/process-identity.ts";
import { CliError } from "../cli-error.ts";
import type { Settings } from "../settings.ts";
import type { Environment } from "../terminal.ts";
import { readServed, type Served } from "./data-folder.ts";
import { prepareNats } from "./local-nats.ts";
import { Supervised, type Program } from "./supervised.ts";
import { lastLines } from "./last-lines.ts";
import { endpointTo, reachable } from "./reach.ts";
import { openRemote } from "./remote.ts";
import { removeUpRecord, writeUpRecord } from "./up-record.ts";

export type MachineOptions = {
  readonly settings: Settings;
  readonly env: Environment;
  /** What starts this command again, without its words. */
  readonly command: readonly [string, ...string[]];
  readonly workers: number;
  /** Slots of each worker. */
  readonly slots: number;
  /** Where `nats` is empty. */
  readonly withNats: boolean;
  /** For people: what has ended, what was started again. */
  readonly tell: (text: string) => void;
};

/** How long a coordinator may take to begin. Milliseconds. */
const beginMsMax = 60_000;
const lookMs = 50;
const joinMsMax = 15_000;
/** Beyond the time for draining, before a process is killed. Milliseconds. */
const overtimeMs = 5000;

export class Machine {
  readonly #options: MachineOptions;
  readonly #kept: Supervised[] = [];
  #ready = false;
  #closed = false;

  constructor(options: MachineOptions) {
    this.#options = options;
  }

  /** @throws CliError where a part cannot begin; what has begun is still there */
  async start(): Promise<{ readonly served: Served; readonly nats: string }> {
    const { settings, env, withNats, workers } = this.#options;
    mkdirSync(join(settings.data, "log"), { recursive: true, mode: 0o700 });
    const own = settings.nats === "" && withNats ? await prepareNats(settings.data, env) : null;
    if (own !== null) this.#keep({ name: "nats-server", command: own.command, args: own.args }, {});
    const nats = own?.url ?? settings.nats;
    const coordinator = this.#keep(this.#coordinator(nats), own === null ? {} : { STEPWELL_NATS_TOKEN: own.token });
    const served = await this.#begun(coordinator);
    for (let number = 1; number <= workers; number += 1) this.#keep(this.#worker(number, served), workerEnvironment(served));
    await this.#joined(served);
    this.#ready = true;
    this.#record();
    return { served, nats };
  }

  /** M1 */
  async stop(): Promise<void> {
    this.#closed = true;
    const withinMs = this.#options.settings.drainSeconds * 1000 + overtimeMs;
    const workers = this.#kept.filter(({ program }) => program.name.startsWith("worker"));
    await Promise.all(workers.map((one) => one.stop(withinMs)));
    for (const one of this.#kept.toReversed()) if (!workers.includes(one)) await one.stop(withinMs);
    removeUpRecord(this.#options.settings.data);
  }

  kill(): void {
    this.#closed = true;
    for (const one of this.#kept) one.kill();
    removeUpRecord(this.#options.settings.data);
  }

  #coordinator(nats: string): Omit<Program, "env" | "logFile"> {
    const { settings, command } = this.#options;
    const { listen, http, data, store, storeAccess, tls, tlsNames, auth, clientCertificates, drainSeconds } = settings;
    const given = { listen, http, data, store, "store-access": storeAccess, tls, "tls-name": tlsNames, auth, nats };
    const words = [
      ...optionWords(given),
      "--drain-seconds",
      String(drainSeconds),
      ...(clientCertificates ? ["--client-certificates"] : []),
    ];
    return { name: "coordinator", command: command[0], args: [...command.slice(1), "coordinator", ...words] };
  }

  #worker(number: number, { address, fingerprint }: Served): Omit<Program, "env" | "logFile"> {
    const { settings, command, slots, workers } = this.#options;
    const given = {
      coordinator: reachable(address),
      fingerprint: fingerprint ?? "",
      slots: String(slots),
      cpu: String(settings.cpu / workers),
      memory: String(Math.max(1, Math.floor(settings.memoryMiB / workers))),
      gpu: String(Math.floor(settings.gpu / workers)),
      pool: settings.pool,
      cache: settings.cacheDir,
      "cache-size": `${settings.cacheMiB}MiB`,
      "drain-seconds": String(settings.drainSeconds),
    };
    const labels = Object.entries(settings.labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
    return { name: `worker-${number}`, command: command[0], args: [...command.slice(1), "worker", ...optionWords(given), ...labels] };
  }

  #keep(program: Omit<Program, "env" | "logFile">, env: NodeJS.ProcessEnv): Supervised {
    const { settings, tell } = this.#options;
    const logFile = join(settings.data, "log", `${program.name}.log`);
    const one = new Supervised(
      { ...program, logFile, env: { ...inherited(this.#options.env), ...env } },
      {
        onStarted: () => this.#record(),
        onEnded: (how, againInMs) => {
          tell(`${program.name} ${how}; starting it again in ${(againInMs / 1000).toFixed(1)} s (${logFile})`);
          this.#record();
        },
      },
    );
    this.#kept.push(one);
    return one;
  }

  /** @throws CliError */
  async #begun(coordinator: Supervised): Promise<Served> {
    const { settings } = this.#options;
    for (const endMs = performance.now() + beginMsMax; performance.now() < endMs; await after(lookMs)) {
      const served = readServed(settings.data);
      if (served !== null && served.pid === coordinator.mark?.pid) return served;
      if (coordinator.failures > 0) break;
    }
    throw new CliError("unavailable", "the coordinator does not begin", {
      lines: lastLines(coordinator.program.logFile),
      hint: `its log: ${coordinator.program.logFile}`,
    });
  }

  /** A worker that comes late is no reason to give up: it is told of. */
  async #joined(served: Served): Promise<void> {
    const { workers, tell } = this.#options;
    const { control, close } = openRemote(endpointTo(served));
    try {
      for (const endMs = performance.now() + joinMsMax; performance.now() < endMs; await after(lookMs))
        if ((await control.workers()).filter(({ status }) => status === "ready").length >= workers) return;
      tell(`not all ${workers} workers have joined yet; see the logs in ${join(this.#options.settings.data, "log")}`);
    } finally {
      await close();
    }
  }

  /** M2 */
  #record(): void {
    if (this.#closed) return;
    const up = { name: "up", pid: process.pid, start: startOfProcess(process.pid) ?? "" };
    const kept = this.#kept.toReversed().flatMap(({ mark }) => (mark === null ? [] : [mark]));
    writeUpRecord(this.#options.settings.data, { up, kept, ready: this.#ready });
  }
}

/** What is empty is left out. */
function optionWords(given: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(given).flatMap(([name, value]) => (value === "" ? [] : [`--${name}`, value]));
}

/** Settings of the person's own commands are none of its processes'. */
function inherited(env: Environment): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith("STEPWELL_") || /^STEPWELL_(?:LOG_LEVEL|NATS_)/.test(name)),
  );
}

function workerEnvironment({ tokenFile }: Served): NodeJS.ProcessEnv {
  return tokenFile === null ? {} : { STEPWELL_TOKEN_FILE: tokenFile };
}
