// A Control over a connection that may be lost: what reads is asked again until the coordinator answers, and what is followed
// goes on where it was cut off.
//
// L1. What changes something may have been done although nobody said so: it is asked again only with the key that it had, by which
//     it is known. A drain has none: twice comes to the same as once.
// L2. A follower gets every event and every line once, in order, however often the connection breaks.
// L3. Only a coordinator that has answered once is waited for, unless somebody has patience, and none for ever.

import { randomUUID } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import { ControlError, type Asker, type Control, type LogsQuery, type Until } from "../../proto/control.ts";
import type { RecordedEvent } from "../../proto/event.ts";
import type { RunId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import type { Connection } from "../reader.ts";

/** Between two tries; it doubles up to the second. Milliseconds. */
const retryMsMin = 200;
const retryMsMax = 3000;
/** How long a coordinator may be away. Milliseconds. */
const awayMsMax = 5 * 60_000;

export function lastingControl(control: Control, connection: Connection): Control {
  const patience = new Patience(connection);
  const asking = <A extends readonly unknown[], T>(ask: (...args: A) => Promise<T>) => {
    return (...args: A): Promise<T> => patience.through(() => ask(...args));
  };
  return {
    ...control,
    // L1
    submit: (request) => {
      const keyed = { ...request, key: request.key ?? randomUUID() };
      return patience.through(() => control.submit(keyed));
    },
    cancel: (run, asker) => {
      const keyed = withKey(asker);
      return patience.through(() => control.cancel(run, keyed));
    },
    retry: (run, asker, tasks) => {
      const keyed = withKey(asker);
      return patience.through(() => control.retry(run, keyed, tasks));
    },
    tag: (run, asker, change) => {
      const keyed = withKey(asker);
      return patience.through(() => control.tag(run, keyed, change));
    },
    collect: (request) => {
      const keyed = { ...request, key: request.key ?? randomUUID() };
      return patience.through(() => control.collect(keyed));
    },
    drainWorker: (worker, by, withinMs) => drain(control, patience, { worker, by, withinMs }),
    plan: asking(control.plan),
    runs: asking(control.runs),
    flows: asking(control.flows),
    latest: asking(control.latest),
    run: asking(control.run),
    tasks: asking(control.tasks),
    task: asking(control.task),
    waits: asking(control.waits),
    workers: asking(control.workers),
    blobPlaces: asking(control.blobPlaces),
    grantBlobs: asking(control.grantBlobs),
    events: (run, afterSeq, until) => followEvents(control, patience, { run, afterSeq, until }),
    logs: (query, until) => followLogs(control, patience, { query, until }),
  };
}

function withKey(asker: Asker): Asker {
  return { ...asker, key: asker.key ?? randomUUID() };
}

type Drain = { readonly worker: string; readonly by: string; readonly withinMs: number | null };

/** A worker that is gone when it is asked again is one that has left since the first time. */
async function drain(control: Control, patience: Patience, { worker, by, withinMs }: Drain): Promise<void> {
  let asked = false;
  await patience.through(async () => {
    try {
      await control.drainWorker(worker, by, withinMs);
    } catch (error) {
      if (asked && error instanceof ControlError && error.code === "notFound") return;
      asked = true;
      throw error;
    }
  });
}

class Patience {
  readonly #connection: Connection;
  #answered = false;
  #awaySinceMs: number | null = null;
  #tries = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async through<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const answer = await ask();
        this.answered();
        return answer;
      } catch (error) {
        await this.bear(error);
      }
    }
  }

  answered(): void {
    this.#answered = true;
    if (this.#awaySinceMs === null) return;
    this.#awaySinceMs = null;
    this.#tries = 0;
    this.#connection.onBack?.();
  }

  /** Resolves when it is time to try again. @throws the error, where trying again makes no sense or has been done for long */
  async bear(error: unknown): Promise<void> {
    if (!(error instanceof ControlError) || error.code !== "unreachable") {
      // It was the coordinator that said so.
      if (error instanceof ControlError) this.answered();
      throw error;
    }
    if (!this.#answered && this.#connection.patient !== true) throw error; // L3
    const nowMs = performance.now();
    if (this.#awaySinceMs === null) this.#connection.onAway?.(error.message);
    this.#awaySinceMs ??= nowMs;
    if (nowMs - this.#awaySinceMs > awayMsMax) throw error;
    await after(Math.min(retryMsMax, retryMsMin * 2 ** this.#tries));
    this.#tries += 1;
  }
}

async function* followEvents(
  control: Control,
  patience: Patience,
  { run, afterSeq, until }: { readonly run: RunId; readonly afterSeq: number; readonly until: Until | undefined },
): AsyncGenerator<RecordedEvent> {
  let seq = afterSeq;
  for (;;) {
    try {
      for await (const event of control.events(run, seq, until)) {
        patience.answered();
        if (event.seq <= seq) continue;
        seq = event.seq;
        yield event;
      }
      return;
    } catch (error) {
      if (until?.aborted === true) return;
      await patience.bear(error);
      await reconnect(control, patience, until);
    }
  }
}

/** A stream on which nothing comes doesn't tell that it is there again; an answer does. */
async function reconnect(control: Control, patience: Patience, until: Until | undefined): Promise<void> {
  await patience.through(async () => {
    if (until?.aborted !== true) await control.blobPlaces();
  });
}

/** Lines have no numbers, but those of one attempt keep their order. */
async function* followLogs(
  control: Control,
  patience: Patience,
  { query, until }: { readonly query: LogsQuery; readonly until: Until | undefined },
): AsyncGenerator<LogLine> {
  const given = new Map<string, number>();
  for (;;) {
    const seen = new Map<string, number>();
    try {
      for await (const line of control.logs(query, until)) {
        patience.answered();
        const key = `${line.task}#${line.attempt}`;
        const number = (seen.get(key) ?? 0) + 1;
        seen.set(key, number);
        if (number <= (given.get(key) ?? 0)) continue;
        given.set(key, number);
        yield line;
      }
      return;
    } catch (error) {
      if (until?.aborted === true) return;
      await patience.bear(error);
      await reconnect(control, patience, until);
    }
  }
}
