// The S3 test server in a process of its own, where what it costs is not measured or must not be killed along.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";
import type { FaultRule } from "../aws/faults.ts";

export type Counts = { readonly requests: number; readonly writes: number; readonly hits: Readonly<Record<string, number>> };

export type S3ProcessOptions = { readonly bucket?: string; readonly seed?: number; readonly host?: string };

export class S3Process implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(url: string, child: ChildProcess, lines: AsyncIterator<string>) {
    this.url = url;
    this.#child = child;
    this.#lines = lines;
  }

  /** `through` stands before the program: what starts it somewhere else. */
  static async start(options: S3ProcessOptions = {}, through: readonly string[] = []): Promise<S3Process> {
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const [program = "", ...rest] = [...through, process.execPath, join(import.meta.dirname, "main.ts"), ...words];
    const child = spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { url } = JSON.parse(await nextOf(lines)) as { readonly url: string };
    return new S3Process(url, child, lines);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("the S3 server does not run");
    return pid;
  }

  add(rule: FaultRule): Promise<Counts> {
    return this.#tell({ add: rule });
  }

  clearFaults(): Promise<Counts> {
    return this.#tell({ clear: true });
  }

  counts(): Promise<Counts> {
    return this.#tell({});
  }

  /** It ends when nobody can tell it anything any more. */
  async close(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.stdin?.end();
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #tell(command: object): Promise<Counts> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    return JSON.parse(await nextOf(this.#lines)) as Counts;
  }
}

async function nextOf(lines: AsyncIterator<string>): Promise<string> {
  const next = await lines.next();
  if (next.done === true) throw new Error("the S3 server has ended");
  return next.value;
}
