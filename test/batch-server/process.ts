// The Batch test server in a process of its own, where what it costs is not measured or must not be killed along.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { CallFault, FaultRule } from "../aws/faults.ts";
import type { BatchServerOptions, SpotNotice } from "./server.ts";

export type BatchCounts = {
  /** Of calls, by operation. */
  readonly calls: Readonly<Record<string, number>>;
  /** Of jobs, children too, by status. */
  readonly jobs: Readonly<Record<string, number>>;
  /** Of faults, by kind. */
  readonly hits: Readonly<Record<string, number>>;
  /** Machines that the command has hit. */
  readonly hosts: readonly string[];
};

export class BatchProcess implements AsyncDisposable {
  /** For `AWS_ENDPOINT_URL_BATCH`. */
  readonly endpoint: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(endpoint: string, child: ChildProcess, lines: AsyncIterator<string>) {
    this.endpoint = endpoint;
    this.#child = child;
    this.#lines = lines;
  }

  static async start(options: Omit<BatchServerOptions, "runner" | "identities"> = {}): Promise<BatchProcess> {
    const words = [join(import.meta.dirname, "main.ts"), "--options", JSON.stringify(options)];
    const child = spawn(process.execPath, words, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { endpoint } = JSON.parse(await nextOf(lines)) as { readonly endpoint: string };
    return new BatchProcess(endpoint, child, lines);
  }

  add(rule: FaultRule<CallFault>): Promise<BatchCounts> {
    return this.#tell({ add: rule });
  }

  clearFaults(): Promise<BatchCounts> {
    return this.#tell({ clear: true });
  }

  counts(): Promise<BatchCounts> {
    return this.#tell({});
  }

  spotKill(count: number, notice: SpotNotice = {}): Promise<BatchCounts> {
    return this.#tell({ spotKill: count, notice });
  }

  loseHosts(count: number): Promise<BatchCounts> {
    return this.#tell({ loseHosts: count });
  }

  setExhausted(computeEnvironment: string, isExhausted: boolean): Promise<BatchCounts> {
    return this.#tell(isExhausted ? { exhausted: computeEnvironment } : { restocked: computeEnvironment });
  }

  async close(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.stdin?.end();
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #tell(command: object): Promise<BatchCounts> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    return JSON.parse(await nextOf(this.#lines)) as BatchCounts;
  }
}

async function nextOf(lines: AsyncIterator<string>): Promise<string> {
  const next = await lines.next();
  if (next.done === true) throw new Error("the Batch server has ended");
  return next.value;
}
