// The lines of a run as a reader asks for them, also as they come.
//
// Every line is yielded once: lines of an attempt are counted, so that what was read from the store is not told again.

import type { LogsQuery, Until } from "../../proto/control.ts";
import { stepOf, type TaskId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import type { RunState } from "../core/state.ts";
import type { Owner } from "../ports/ledger.ts";
import type { LogStore } from "../ports/log-store.ts";
import type { LinesTaken, LogIntake } from "../shell/log-intake.ts";
import type { RunDriver } from "../shell/run-driver.ts";
import { Elsewhere } from "./elsewhere.ts";
import type { FollowPorts } from "./follow-events.ts";

export type LogPorts = FollowPorts & { readonly logs: LogStore; readonly intake: LogIntake; readonly owner: Owner };

/** Lines that wait for a reader before it is sent back to the store. */
const waitingMax = 50_000;

/** `until`: nobody reads any more, and what waits for the next line ends. */
export async function* followLogs(ports: LogPorts, query: LogsQuery, until?: Until): AsyncGenerator<LogLine, void, undefined> {
  const { stream, follow, ...wanted } = query;
  const seen = new Map<string, number>();
  const elsewhere = new Elsewhere(ports, query.run);
  for (;;) {
    if (until?.aborted === true) return;
    const driver = ports.drivers.get(query.run);
    const live = driver === undefined ? null : new LiveLines(ports, { query, driver, until });
    try {
      const ended = await hasEnded(ports, query);
      await ports.logs.flush();
      // Counting needs all streams; what isn't asked for is left out afterwards.
      const before = new Map(seen);
      const read = new Map<string, number>();
      for await (const line of ports.logs.read(wanted)) {
        const key = keyOf(line.task, line.attempt);
        const count = (read.get(key) ?? 0) + 1;
        read.set(key, count);
        if (count <= (before.get(key) ?? 0)) continue;
        seen.set(key, count);
        if (stream === undefined || line.stream === stream) yield line;
      }
      if (follow !== true || ended) return;
      if (live === null) await elsewhere.wait();
      else yield* live.unseen(seen, stream);
    } finally {
      live?.close();
    }
  }
}

type Reading = { readonly query: LogsQuery; readonly driver: RunDriver; readonly until: Until | undefined };

/** Lines that arrive at this coordinator while a reader is at work. */
class LiveLines {
  readonly #ports: LogPorts;
  readonly #query: LogsQuery;
  readonly #stopLines: () => void;
  readonly #stopEvents: () => void;
  readonly #until: Until | undefined;
  readonly #left = (): void => this.#wakeUp();
  #waiting: LinesTaken[] = [];
  #count = 0;
  #overflowed = false;
  /** Something has happened since it was last looked at. */
  #woken = false;
  #wake: (() => void) | null = null;

  constructor(ports: LogPorts, { query, driver, until }: Reading) {
    this.#ports = ports;
    this.#query = query;
    this.#until = until;
    until?.addEventListener("abort", this.#left);
    this.#stopLines = ports.intake.follow(query.run, (taken) => this.#take(taken));
    // The end of the driver, told without events, or one that may be the end of the task.
    this.#stopEvents = driver.follow((events) => {
      if (events.length === 0 || query.task !== undefined) this.#wakeUp();
    });
  }

  /** Ends when the driver has, when what was asked for has ended, or when the reader is too slow: then the store is to be read again. */
  async *unseen(seen: Map<string, number>, stream: LogLine["stream"] | undefined): AsyncGenerator<LogLine, void, undefined> {
    while (this.#until?.aborted !== true) {
      this.#woken = false;
      const ended = await hasEnded(this.#ports, this.#query);
      const waiting = this.#waiting;
      this.#waiting = [];
      this.#count = 0;
      for (const { task, attempt, from, lines } of waiting) {
        const key = keyOf(task, attempt);
        const known = seen.get(key) ?? 0;
        const skip = from === null ? 0 : Math.max(0, known - from);
        seen.set(key, from === null ? known + lines.length : Math.max(known, from + lines.length));
        for (const line of lines.slice(skip)) if (stream === undefined || line.stream === stream) yield line;
      }
      if (ended || this.#overflowed) return;
      if (!this.#woken) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  close(): void {
    this.#stopLines();
    this.#stopEvents();
    this.#until?.removeEventListener("abort", this.#left);
  }

  #take(taken: LinesTaken): void {
    if (this.#overflowed || !isAsked(this.#query, taken)) return;
    this.#count += taken.lines.length;
    this.#overflowed = this.#count > waitingMax;
    if (!this.#overflowed) this.#waiting.push(taken);
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#woken = true;
    this.#wake?.();
  }
}

/** Whether the run, or the task, will print nothing more. Asked before its lines are read. */
async function hasEnded(ports: LogPorts, { run, task }: LogsQuery): Promise<boolean> {
  const driver = ports.drivers.get(run);
  if (driver !== undefined) return task !== undefined && isTaskOver(driver.state, task);
  const state = await ports.history.read(run);
  if (state.finishedAtMs === null) return task !== undefined && isTaskOver(state, task);
  // Who drove it elsewhere writes its last lines out before letting go of it; those of this coordinator are here.
  const owner = await ports.ledger.owner(run);
  return owner === null || owner.id === ports.owner.id;
}

function isTaskOver(state: RunState, id: TaskId): boolean {
  const kind = state.tasks.get(id)?.state.kind;
  return kind === "succeeded" || kind === "failed" || kind === "cancelled";
}

function isAsked({ task, step, attempt = "latest" }: LogsQuery, taken: LinesTaken): boolean {
  if (task !== undefined ? task !== taken.task : step !== undefined && step !== stepOf(taken.task)) return false;
  // While lines come, the attempt that prints is the latest.
  return typeof attempt !== "number" || attempt === taken.attempt;
}

function keyOf(task: TaskId, attempt: number): string {
  return `${task}/${attempt}`;
}
