// The life of a task process: one order at a time, from the worker's socket to a report, until the worker is gone; or one
// order in all, where it was started for one task.
//
// S1. A report is sent once for each order; whatever the step does afterwards is not listened to.
// S2. What ended the attempt first (the step, an uncaught error, an abort) is what is reported.
// S3. When the worker is gone, so is this process and everything in its group.

import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { getEventListeners } from "node:events";
import { describeFailure, type Failure } from "../../../proto/failure.ts";
import type { TaskOrder, TaskOutcome } from "../../../proto/order.ts";
import type { Progress } from "../../../sdk/flow/progress.ts";
import type { BlobMessage, BlobReply } from "./blob-messages.ts";
import {
  abortFrame,
  blobAskFrame,
  blobReplyFrame,
  codeReturnedFrame,
  encodeFrame,
  orderFrame,
  packageFrame,
  progressFrame,
  readyFrame,
  reportFrame,
  secretsFrame,
} from "./frames.ts";
import { ListeningLine, ReadingLine, type FrameLine } from "./frame-line.ts";
import { printWithoutDelay } from "./print.ts";
import { ProgressTeller } from "./progress-teller.ts";
import { Traces } from "./traces.ts";

/** What an attempt gets from its process. */
export type Attempt = {
  readonly order: TaskOrder;
  /** Raised when the attempt is to end. Its reason is an Error that has the fields of the `Failure` to report. */
  readonly signal: AbortSignal;
  /** How long the step may go on after the signal, to tidy up. */
  settleMs(): number;
  /** A folder of the attempt's own: empty at first, and emptied after it. Made when it is first asked for. */
  tempDir(): string;
  /** To be called when the step's code has returned and only keeping its artifacts is left. */
  codeReturned(): void;
  /** Texts that nobody may see in what the step prints. To be called before the step runs. */
  hide(secrets: readonly string[]): void;
  /** How far the step is, as it says. */
  tell(progress: Progress): void;
};

export type Execution = {
  execute(attempt: Attempt): Promise<TaskOutcome>;
  /** The package of the order that follows, which the worker has verified. */
  provide(codePackage: Uint8Array): void;
  /** Turns something thrown outside the step's own call into a failure. */
  failureOf(error: unknown): Failure;
};

/** A step that doesn't listen to its abort signal may still look at it: it gets this long. Milliseconds. */
const pollingSettleMs = 100;
/** Grown beyond this, a process is not used again. MiB. */
const residentMiBMax = 1024;
/** Longest reason that is passed on. Bytes. */
const reasonBytesMax = 1000;

export type TaskServerOptions = {
  readonly tempDir: string;
  readonly execution: Execution;
  /** `once`: for one task; `warm`: for as many as find it as it was. */
  readonly use: "once" | "warm";
  /** Called when a step is done, before the worker hears of it. */
  readonly beforeReport: () => void;
};

type Running = {
  readonly order: TaskOrder;
  readonly controller: AbortController;
  /** Set by the first abort or uncaught error. */
  cause: Failure | null;
  settleMs: number;
  codeReturned: boolean;
};

export class TaskServer {
  readonly #line: FrameLine;
  readonly #tempDir: string;
  readonly #execution: Execution;
  /** Null where nothing runs here after the first task. */
  readonly #traces: Traces | null;
  readonly #beforeReport: () => void;
  readonly #teller = new ProgressTeller((line) => this.#line.send(encodeFrame(progressFrame, Buffer.from(line))));
  readonly #asked = new Map<number, (reply: BlobReply) => void>();
  #running: Running | null = null;
  #askedCount = 0;
  #tempDirUsed = false;

  constructor({ tempDir, execution, use, beforeReport }: TaskServerOptions) {
    this.#tempDir = tempDir;
    this.#execution = execution;
    this.#beforeReport = beforeReport;
    const openedStreams = printWithoutDelay();
    const events = { onFrame: (kind: number, body: Buffer) => this.#receive(kind, body), onGone: endWithEverything };
    this.#line = use === "once" ? new ReadingLine(orderFrame, events) : new ListeningLine(events);
    this.#traces = use === "once" ? null : new Traces(openedStreams);
  }

  start(): void {
    process.on("uncaughtException", (error) => this.#uncaught(error));
    this.#traces?.rememberResources();
    this.#line.send(encodeFrame(readyFrame));
    this.#line.listen();
  }

  /** Asks the worker about a blob. */
  askBlobs(message: BlobMessage): Promise<BlobReply> {
    const id = (this.#askedCount = (this.#askedCount + 1) % 2 ** 32);
    const number = Buffer.alloc(4);
    number.writeUInt32LE(id);
    return new Promise((resolve) => {
      this.#asked.set(id, resolve);
      this.#line.expectAnswer();
      this.#line.send(encodeFrame(blobAskFrame, number, Buffer.from(JSON.stringify(message))));
    });
  }

  #replied(body: Buffer): void {
    const id = body.readUInt32LE(0);
    // The worker's own program has written it.
    this.#asked.get(id)?.(JSON.parse(body.toString("utf8", 4)) as BlobReply);
    this.#asked.delete(id);
  }

  #receive(kind: number, body: Buffer): void {
    if (kind === blobReplyFrame) return this.#replied(body);
    const text = body.toString("utf8");
    if (kind === orderFrame) {
      // What runs the order parses it; here it is only handed on.
      const order = JSON.parse(text) as TaskOrder;
      this.#run(order).catch((error: unknown) => this.#uncaught(error));
    } else if (kind === packageFrame) {
      this.#execution.provide(Uint8Array.from(body));
    } else if (kind === abortFrame) {
      const { failure, settleMs } = JSON.parse(text) as { failure: Failure; settleMs: number };
      this.#abort(failure, settleMs);
    }
  }

  async #run(order: TaskOrder): Promise<void> {
    const running: Running = { order, controller: new AbortController(), cause: null, settleMs: 0, codeReturned: false };
    this.#running = running;
    const outcome = await this.#execution.execute({
      order,
      signal: running.controller.signal,
      settleMs: () => running.settleMs,
      tempDir: () => this.#useTempDir(),
      codeReturned: () => this.#codeReturned(running),
      hide: (secrets) => this.#line.send(encodeFrame(secretsFrame, Buffer.from(JSON.stringify(secrets)))),
      tell: (progress) => {
        if (this.#running === running) this.#teller.tell(progress); // S1
      },
    });
    // Promises that the step left rejected are reported to the process before the next turn: they count against the step.
    await new Promise((resolve) => setImmediate(resolve));
    this.#running = null;
    this.#teller.finish();
    this.#beforeReport();
    this.#report(running.cause === null ? outcome : failedWith(running.cause, outcome), running.cause !== null);
    if (this.#traces === null) this.#line.rest();
  }

  #codeReturned(running: Running): void {
    running.codeReturned = true;
    if (running.order.timeoutSeconds !== null) this.#line.send(encodeFrame(codeReturnedFrame));
  }

  /** An abort that comes when the step's code has returned comes too late. */
  #abort(failure: Failure, settleMs: number): void {
    const running = this.#running;
    if (running === null || running.codeReturned || running.cause !== null) return; // S1, S2
    // Whoever runs the step listens as well.
    const listens = getEventListeners(running.controller.signal, "abort").length > 1;
    end(running, failure, listens ? settleMs : Math.min(settleMs, pollingSettleMs));
  }

  #uncaught(error: unknown): void {
    const running = this.#running;
    if (running === null) {
      // Left over from an attempt that is reported already, or a mistake of our own: the worker sees the process end.
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exit(1);
    }
    if (running.cause !== null) return; // S2
    end(running, this.#execution.failureOf(error), 0);
  }

  #report(outcome: TaskOutcome, stopped: boolean): void {
    const json = Buffer.from(JSON.stringify(outcome));
    const reason = Buffer.from(this.#spoiled(outcome, stopped) ?? "").subarray(0, reasonBytesMax);
    const head = Buffer.from([outcome.kind === "succeeded" ? 1 : 0, mayHaveChildren() ? 1 : 0, reason.length >> 8, reason.length & 255]);
    this.#line.send(encodeFrame(reportFrame, head, reason, json));
  }

  #spoiled(outcome: TaskOutcome, stopped: boolean): string | null {
    if (stopped) return "it was stopped";
    if (outcome.kind === "failed") return "its attempt failed";
    if (this.#traces === null) return "it was started for one task";
    if (process.resourceUsage().maxRSS > residentMiBMax * 1024) return `it grew beyond ${residentMiBMax} MiB`;
    return this.#traces.found() ?? this.#emptyTempDir();
  }

  #useTempDir(): string {
    if (!this.#tempDirUsed) mkdirSync(this.#tempDir, { recursive: true });
    this.#tempDirUsed = true;
    return this.#tempDir;
  }

  #emptyTempDir(): string | null {
    if (!this.#tempDirUsed) return null;
    this.#tempDirUsed = false;
    try {
      for (const name of readdirSync(this.#tempDir)) rmSync(`${this.#tempDir}/${name}`, { recursive: true });
      return null;
    } catch {
      return "its temporary folder cannot be emptied";
    }
  }
}

function end(running: Running, failure: Failure, settleMs: number): void {
  running.cause = failure;
  running.settleMs = settleMs;
  const name = failure.kind === "timeout" ? "TimeoutError" : "AbortError";
  running.controller.abort(Object.assign(new Error(describeFailure(failure)), { ...failure, name }));
}

/** The first cause is the failure; what the attempt kept stays where a catch will want it. */
function failedWith(failure: Failure, outcome: TaskOutcome): TaskOutcome {
  return { kind: "failed", failure, artifacts: outcome.kind === "failed" ? outcome.artifacts : {}, usage: outcome.usage };
}

/** Only what has loaded `node:child_process` or a native add-on can have started processes. */
function mayHaveChildren(): boolean {
  const loaded: unknown = Reflect.get(process, "moduleLoadList");
  return !Array.isArray(loaded) || loaded.includes("NativeModule child_process") || loaded.includes("NativeModule cluster");
}

function endWithEverything(): void {
  process.kill(-process.pid, "SIGKILL"); // S3
}
