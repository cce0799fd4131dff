// A coordinator and many simulated workers, in processes of their own.

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Control } from "../../proto/control.ts";
import { connectControl } from "../../sdk/wire/control-client.ts";

export type Place = { readonly folder: string; readonly tls: boolean };

const kibibytesPerMebibyte = 1024;

export class ForkedCoordinator {
  readonly child: ChildProcess;
  readonly address: string;
  readonly control: Control;
  /** Of its authority; empty without TLS. */
  readonly caFile: string;
  readonly #close: () => void;

  private constructor(child: ChildProcess, parts: { readonly address: string; readonly caFile: string; readonly tls: boolean }) {
    this.child = child;
    this.address = parts.address;
    this.caFile = parts.caFile;
    const { address, caFile } = parts;
    const client = connectControl(parts.tls ? { address, tls: { ca: readFileSync(caFile, "utf8") } } : { address });
    this.control = client;
    this.#close = () => client.close();
  }

  /** Resolves when it listens: it has taken up its runs by then. */
  static async start({ folder, tls }: Place, port = "0"): Promise<ForkedCoordinator> {
    const program = new URL("coordinator-program.ts", import.meta.url);
    const child = fork(program, [folder, port, tls ? "tls" : "plain"], { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
    const [{ address, ca }] = (await once(child, "message")) as [{ readonly address: string; readonly ca: string }];
    const caFile = tls ? join(folder, "ca.pem") : "";
    if (tls) writeFileSync(caFile, ca);
    return new ForkedCoordinator(child, { address, caFile, tls });
  }

  get port(): string {
    return this.address.split(":")[1] ?? "";
  }

  /** Of its process. */
  residentMiB(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "latin1");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / kibibytesPerMebibyte;
  }

  /** As `kill -9` does. */
  async kill(): Promise<void> {
    this.#close();
    await end(this.child);
  }
}

/** So many workers in two processes. */
export function forkWorkers({ address, caFile }: ForkedCoordinator, count: number, width: number): readonly ChildProcess[] {
  const program = new URL("agents-program.ts", import.meta.url);
  const half = Math.ceil(count / 2);
  const env = { ...process.env, FOREACH_WIDTH: String(width) };
  return [
    [0, half],
    [half, count],
  ].map(([from, to]) =>
    fork(program, [address, String(from), String(to), caFile], { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"], env }),
  );
}

export async function connected(control: Control, count: number): Promise<void> {
  for (;;) {
    const ready = (await control.workers()).filter(({ status }) => status === "ready");
    if (ready.length === count) return;
    await sleep(20);
  }
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
