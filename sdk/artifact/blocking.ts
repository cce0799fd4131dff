// Reads that block, from a store that cannot: a helper thread has the store, and the caller sleeps until it has answered.
//
// B1. Whoever asks is asleep until the answer is there, so there is never a second question.
// B2. The caller wakes up in any case: by the answer, by the end of the thread, or when it has waited for too long.

import { MessageChannel, Worker, receiveMessageOnPort } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import type { Sha256 } from "../../proto/ids.ts";
import { ArtifactStoreError } from "./store.ts";
import type { ArtifactStore, BlockingReader, ByteRange, StoreProblem } from "./store.ts";

/** A module that exports `openArtifactStore`, and what to call it with: the thread opens a store of its own. */
export type StoreModule = { readonly url: URL; readonly options: unknown };

/** A store whose reads are on behalf of somebody may have a store for each. */
type OpenedStore = ArtifactStore & { readonly of?: (whom: string) => ArtifactStore };

/** What such a module exports. */
export type OpenArtifactStore = (options: unknown) => OpenedStore | Promise<OpenedStore>;

/** What the caller and its thread agree on. The first word of `signal` is one of `signals`. */
export type ThreadData = { readonly port: MessagePort; readonly signal: Int32Array; readonly moduleUrl: string; readonly options: unknown };
export type Question = { readonly sha256: Sha256; readonly range: ByteRange | null; readonly whom: string | null };
export type Answer =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "problem"; readonly problem: StoreProblem; readonly message: string };

export const signals = { waiting: 0, started: 1, answered: 2, ended: 3 } as const;

/** Longer than any store should take for the largest blob. */
const waitMsMax = 30 * 60 * 1000;
/** A thread that cannot even load its own code tells nobody. */
const startMsMax = 60 * 1000;

type Thread = { readonly worker: Worker; readonly port: MessagePort; readonly signal: Int32Array };

export class BlockingBridge implements BlockingReader {
  readonly #module: StoreModule;
  #thread: Thread | null = null;

  /** The thread starts with the first read. It doesn't keep the process alive. */
  constructor(module: StoreModule) {
    this.#module = module;
  }

  getSync(sha256: Sha256, range?: ByteRange): Uint8Array {
    return this.#ask({ sha256, range: range ?? null, whom: null });
  }

  /** Reads on behalf of somebody. */
  of(whom: string): BlockingReader {
    return { getSync: (sha256, range) => this.#ask({ sha256, range: range ?? null, whom }) };
  }

  #ask(question: Question): Uint8Array {
    const { sha256 } = question;
    this.#thread ??= startThread(this.#module);
    const { port, signal } = this.#thread;
    if (Atomics.wait(signal, 0, signals.waiting, startMsMax) === "timed-out") throw this.#lost(sha256, "did not start");
    // It may have ended since the last answer.
    if (Atomics.exchange(signal, 0, signals.waiting) === signals.ended) throw this.#lost(sha256, "ended");
    port.postMessage(question);
    const woken = Atomics.wait(signal, 0, signals.waiting, waitMsMax);
    const answer = receiveMessageOnPort(port)?.message as Answer | undefined;
    if (answer === undefined) throw this.#lost(sha256, woken === "timed-out" ? "did not answer" : "ended");
    if (answer.kind === "problem") throw new ArtifactStoreError(answer.problem, answer.message);
    return answer.bytes;
  }

  async close(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    thread?.port.close();
    await thread?.worker.terminate();
  }

  /** The next read has a new thread: a late answer must not be taken for the next one. */
  #lost(sha256: Sha256, how: string): ArtifactStoreError {
    const thread = this.#thread;
    this.#thread = null;
    thread?.port.close();
    // Nobody waits for it: it is of no use to anyone, and cannot fail.
    void thread?.worker.terminate();
    return new ArtifactStoreError("unreachable", `blob ${sha256}: the thread that reads the store ${how}; run the task again`);
  }
}

function startThread(module: StoreModule): Thread {
  const { port1, port2 } = new MessageChannel();
  const signal = new Int32Array(new SharedArrayBuffer(4));
  const workerData: ThreadData = { port: port2, signal, moduleUrl: module.url.href, options: module.options };
  const beside = import.meta.url.endsWith(".ts") ? "./blocking-thread.ts" : "./blocking-thread.js";
  // Without arguments: those of this process may say what to run.
  const worker = new Worker(new URL(beside, import.meta.url), { workerData, transferList: [port2], execArgv: [] });
  // The signal tells of its end; without a listener that would end this process as well.
  worker.on("error", () => {});
  worker.unref();
  return { worker, port: port1, signal };
}
