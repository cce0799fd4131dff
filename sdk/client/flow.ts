// All runs of one flow.

import { inspect } from "node:util";
import type { RunsQuery } from "../../proto/control.ts";
import type { RunStatus } from "../../proto/event.ts";
import { parseFlowName, runIdOf, type FlowName } from "../../proto/ids.ts";
import { defaultSession, type Session } from "./connection.ts";
import { Run } from "./run.ts";

const pageLength = 100;

export type RunsFilter = {
  readonly status?: RunStatus | readonly RunStatus[];
  /** Runs that carry all of these. */
  readonly tags?: readonly string[];
  readonly user?: string;
  readonly since?: Date;
  readonly until?: Date;
  /** At most this many; all by default. */
  readonly limit?: number;
};

/** `new Flow<TrainFlow>("TrainFlow")` types what its runs hold. */
export class Flow<F = unknown> {
  readonly name: FlowName;
  readonly #session: Session | null;

  constructor(name: string, session: Session | null = null) {
    this.name = parseFlowName(name);
    this.#session = session;
  }

  /** Newest first, within the namespace; filtered by the coordinator and fetched page by page. */
  async *runs(filter: RunsFilter = {}): AsyncGenerator<Run<F>> {
    const session = await this.#open();
    let left = filter.limit ?? Number.POSITIVE_INFINITY;
    let cursor: string | null = null;
    while (left > 0) {
      const page = await session.connection.control.runs({
        ...queryOf(this.name, session, filter),
        limit: Math.min(left, pageLength),
        ...(cursor !== null && { cursor }),
      });
      for (const summary of page.items) yield new Run<F>(session, await session.connection.control.run(summary.run));
      left -= page.items.length;
      cursor = page.next;
      if (cursor === null) return;
    }
  }

  /** By number. @throws ControlError notFound */
  async run(number: number): Promise<Run<F>> {
    const session = await this.#open();
    return new Run<F>(session, await session.connection.control.run(runIdOf(this.name, number)));
  }

  async latestRun(): Promise<Run<F> | null> {
    return this.#first({});
  }
  async latestSuccessfulRun(): Promise<Run<F> | null> {
    return this.#first({ status: "succeeded" });
  }

  [Symbol.asyncIterator](): AsyncGenerator<Run<F>> {
    return this.runs();
  }

  [inspect.custom](): string {
    return `Flow ${this.name}`;
  }

  async #first(filter: RunsFilter): Promise<Run<F> | null> {
    for await (const run of this.runs({ ...filter, limit: 1 })) return run;
    return null;
  }

  async #open(): Promise<Session> {
    return this.#session ?? defaultSession();
  }
}

function queryOf(flow: FlowName, session: Session, filter: RunsFilter): Omit<RunsQuery, "limit" | "cursor"> {
  const { status, tags, user, since, until } = filter;
  return {
    flow,
    namespace: session.namespace,
    ...(status !== undefined && { status: typeof status === "string" ? [status] : status }),
    ...(tags !== undefined && { tags }),
    ...(user !== undefined && { user }),
    ...(since !== undefined && { sinceMs: since.getTime() }),
    ...(until !== undefined && { untilMs: until.getTime() }),
  };
}
