// Captured output in files, one for each attempt that printed anything: `<root>/<flow>/<number>/<step>/<indexes>/<attempt>.ndjson`.
// Invariants: F1. no file stays open between two writes, so that any number of tasks may run. F2. a line is in the file within
// `flushMs`, or sooner where much is buffered. F3. a line is whole or not read at all: what a crash tore is skipped, and what
// is written after it starts on a line of its own. F4. what can't be written is dropped and told once; the run goes on.

import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { LogsQuery } from "../../proto/control.ts";
import type { RunId, TaskId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import type { LogStore } from "../ports/log-store.ts";
import { findLogFiles, readFirstMs, readLogFile } from "./log-file.ts";
import { mergeByTime, type LogSource } from "./log-merge.ts";
import { Turns } from "./turns.ts";

/** The longest that a line waits for its write. */
const flushMs = 500;
/** Buffered characters at which writing starts at once. */
const bufferedMax = 1 << 20;

export type FileLogStoreOptions = {
  readonly root: string;
  /** Called once, when lines had to be dropped. */
  readonly onDropped: (message: string) => void;
};

export class FileLogStore implements LogStore {
  readonly #root: string;
  readonly #onDropped: (message: string) => void;
  /** What is to be appended, by file. */
  #buffered = new Map<string, string>();
  #bufferedLength = 0;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #dropTold = false;

  constructor(options: FileLogStoreOptions) {
    this.#root = options.root;
    this.#onDropped = options.onDropped;
  }

  // oxlint-disable-next-line max-params -- the port has four, all of which every call needs
  append(run: RunId, task: TaskId, attempt: number, lines: readonly LogLine[]): void {
    if (lines.length === 0) return;
    const path = join(this.#root, run, task, `${attempt}.ndjson`);
    const text = lines.map(({ atMs, stream, text }) => `${JSON.stringify({ atMs, stream, text })}\n`).join("");
    this.#buffered.set(path, (this.#buffered.get(path) ?? "") + text);
    this.#bufferedLength += text.length;
    if (this.#bufferedLength >= bufferedMax) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref();
  }

  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const buffered = this.#buffered;
    this.#buffered = new Map();
    this.#bufferedLength = 0;
    this.#writing = this.#writing.then(() => this.#write(buffered));
    await this.#writing;
  }

  async *read(query: LogsQuery): AsyncIterable<LogLine> {
    await this.flush();
    const sources: LogSource[] = [];
    const turns = new Turns();
    for (const file of await findLogFiles(this.#root, query, turns)) {
      const firstMs = readFirstMs(file.path);
      if (firstMs !== null) sources.push({ firstMs, open: () => readLogFile(file, query, turns) });
      await turns.share();
    }
    yield* mergeByTime(sources);
  }

  async remove(run: RunId): Promise<void> {
    await this.flush();
    await rm(join(this.#root, run), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.flush();
  }

  async #write(buffered: ReadonlyMap<string, string>): Promise<void> {
    const turns = new Turns();
    for (const [path, text] of buffered) {
      try {
        appendWhole(path, text);
      } catch (error) {
        this.#drop(path, error); // F4
      }
      await turns.share();
    }
  }

  #drop(path: string, error: unknown): void {
    if (this.#dropTold) return;
    this.#dropTold = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#onDropped(
      `output of tasks is being dropped: ${path} cannot be written (${reason}); the run goes on. Free some space or check the folder`,
    );
  }
}

/**
 * Blocks while the operating system takes the bytes into its memory and makes the file: 0.1 ms on a quiet disk, most of it
 * the kernel's own work, which the thread pool wouldn't make less.
 */
function appendWhole(path: string, text: string): void {
  const file = openForAppend(path);
  try {
    const bytes = Buffer.from(endsInNewline(file) ? text : `\n${text}`); // F3
    for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
  } finally {
    closeSync(file);
  }
}

function openForAppend(path: string): number {
  try {
    return openSync(path, "a+");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, "a+");
  }
}

function endsInNewline(file: number): boolean {
  const { size } = fstatSync(file);
  if (size === 0) return true;
  const last = Buffer.alloc(1);
  readSync(file, last, 0, 1, size - 1);
  return last[0] === 0x0a;
}
