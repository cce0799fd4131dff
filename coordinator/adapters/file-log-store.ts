// Captured output in files, one for each attempt that printed anything: `<root>/<flow>/<number>/<step>/<indexes>/<attempt>.ndjson`.
// Invariants: F1. no file stays open between two writes, so that any number of tasks may run. F2. a line is in the file within
// `flushMs`, or sooner where much is buffered. F3. a line is whole or not read at all: what a crash tore is skipped, and what
// is written after it starts on a line of its own. F4. what can't be written is dropped and told once; the run goes on.

import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LogsQuery } from "../../proto/control.ts";
import type { RunId, TaskId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import type { LogStore } from "../ports/log-store.ts";
import { findLogFiles, readFirstMs, readLogFile } from "./log-file.ts";
import { LogListeners } from "./log-listeners.ts";
import { mergeByTime, type LogSource } from "./log-merge.ts";

/** The longest that a line waits for its write. */
const flushMs = 500;
/** Buffered characters at which writing starts at once. */
const bufferedMax = 1 << 20;
/** Files written or looked into before the event loop gets its turn. */
const filesInOneGo = 32;

export type FileLogStoreOptions = {
  readonly root: string;
  /** Called once, when lines had to be dropped. */
  readonly onDropped: (message: string) => void;
};

export class FileLogStore implements LogStore {
  readonly #root: string;
  readonly #onDropped: (message: string) => void;
  readonly #listeners = new LogListeners();
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
    this.#listeners.tell(run, lines);
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
    for (const [i, file] of findLogFiles(this.#root, query).entries()) {
      const firstMs = readFirstMs(file.path);
      if (firstMs !== null) sources.push({ firstMs, open: () => readLogFile(file, query) });
      if (i % filesInOneGo === filesInOneGo - 1) await nextTurn();
    }
    yield* mergeByTime(sources);
  }

  subscribe(run: RunId, listener: (lines: readonly LogLine[]) => void): () => void {
    return this.#listeners.add(run, listener);
  }

  async close(): Promise<void> {
    await this.flush();
    this.#listeners.clear();
  }

  async #write(buffered: ReadonlyMap<string, string>): Promise<void> {
    let written = 0;
    for (const [path, text] of buffered) {
      try {
        appendWhole(path, text);
      } catch (error) {
        this.#drop(path, error); // F4
      }
      if (++written % filesInOneGo === 0) await nextTurn();
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
 * Writes, and waits for, the operating system's memory only: that is 30 µs a file, where going through the thread pool
 * costs three times the processor time.
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

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
