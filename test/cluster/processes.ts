// The processes of a cluster as people start them: the built command, in folders of their own.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bin, cleanEnvironment } from "../command.ts";

type LogLine = Readonly<Record<string, unknown>>;

/** A `stepwell` that serves. */
export class Service {
  readonly child: ChildProcess;
  readonly #lines: LogLine[] = [];
  readonly #waiting = new Set<() => void>();
  #text = "";

  constructor(args: readonly string[], options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> }) {
    const env = { ...cleanEnvironment(), ...options.env };
    this.child = spawn(process.execPath, [bin, ...args], { cwd: options.cwd, env, stdio: ["ignore", "ignore", "pipe"] });
    let rest = "";
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#text += text;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("{")) this.#lines.push(JSON.parse(line) as LogLine);
      this.#wake();
    });
    this.child.once("exit", () => this.#wake());
  }

  /** What it has written. */
  get text(): string {
    return this.#text;
  }

  /** The first log line of the event, or the next after `skip` of them. Throws when the process ends without one. */
  async event(name: string, skip = 0): Promise<LogLine> {
    for (;;) {
      const found = this.#lines.filter(({ event }) => event === name)[skip];
      if (found !== undefined) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`it ended without ${name}:\n${this.#text}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Its exit code; null where a signal ended it. */
  async ended(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, "exit");
    return this.child.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

export type Cluster = {
  readonly folder: string;
  readonly coordinator: Service;
  readonly address: string;
  /** For commands and workers that use it. */
  readonly env: Readonly<Record<string, string>>;
  /** An admin's. */
  readonly token: () => string;
};

/** A coordinator at a port of the system's choice, with tokens. */
export async function startCoordinator(folder: string, words: readonly string[] = ["--listen", "127.0.0.1:0"]): Promise<Cluster> {
  const data = join(folder, "data");
  const coordinator = new Service(["coordinator", "--data", data, ...words], { cwd: folder });
  const { address } = await coordinator.event("coordinator.listening");
  const env = {
    STEPWELL_COORDINATOR: String(address),
    STEPWELL_TOKEN_FILE: join(data, "admin-token"),
    XDG_CACHE_HOME: join(folder, "cache"),
  };
  const token = (): string => readFileSync(env.STEPWELL_TOKEN_FILE, "utf8").trim();
  return { folder, coordinator, address: String(address), env, token };
}

/** Resolves when the coordinator knows the worker; `known` is how many workers it has seen before. */
export async function startWorker(cluster: Cluster, known: number, words: readonly string[] = []): Promise<Service> {
  const worker = new Service(["worker", "--slots", "1", ...words], { cwd: cluster.folder, env: cluster.env });
  await cluster.coordinator.event("worker.connected", known);
  return worker;
}
