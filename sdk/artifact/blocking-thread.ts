// The thread behind blocking.ts: opens a store, and answers one question at a time.

import { workerData } from "node:worker_threads";
import { signals } from "./blocking.ts";
import type { Answer, OpenArtifactStore, Question, ThreadData } from "./blocking.ts";
import { ArtifactStoreError } from "./store.ts";

const { port, signal, moduleUrl, options } = workerData as ThreadData;

let store: ReturnType<typeof openStore> | undefined;

async function openStore(): Promise<Awaited<ReturnType<OpenArtifactStore>>> {
  const module = (await import(moduleUrl)) as { readonly openArtifactStore: OpenArtifactStore };
  return module.openArtifactStore(options);
}

async function answer({ sha256, range, whom }: Question): Promise<Answer> {
  try {
    store ??= openStore();
    const opened = await store;
    const bytes = await (whom === null ? opened : (opened.of?.(whom) ?? opened)).get(sha256, range ?? undefined);
    // A view of something larger, such as a pool, must not take that along.
    const isWhole = bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
    return { kind: "bytes", bytes: isWhole ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes) };
  } catch (error) {
    if (error instanceof ArtifactStoreError) return { kind: "problem", problem: error.problem, message: error.message };
    return {
      kind: "problem",
      problem: "unreachable",
      message: `blob ${sha256}: ${String(error)}; see that the store is well, then run the task again`,
    };
  }
}

function wake(state: number): void {
  Atomics.store(signal, 0, state);
  Atomics.notify(signal, 0);
}

async function reply(question: Question): Promise<void> {
  const answered = await answer(question);
  port.postMessage(answered, answered.kind === "bytes" ? [answered.bytes.buffer] : []);
  wake(signals.answered);
}

process.once("exit", () => wake(signals.ended));
port.on("message", (question: Question) => void reply(question));
wake(signals.started);
