// All runs of one flow.

import { inspect } from "node:util";
import { ControlError, type RunsQuery } from "../../proto/control.ts";
import type { RunStatus } from "../../proto/event.ts";
import { parseFlowName, runIdOf, type FlowName } from "../../proto/ids.ts";
import { nearest } from "../flow/nearest.ts";
import type { AnyFlow } from "./data.ts";
import { defaultSession, type Session } from "./connection.ts";
import { ListedRun, Run } from "./run.ts";

const pageLength = 100;

export type RunsFilter = {
  readonly status?: RunStatus | readonly RunStatus[];
  /** Runs that carry all of these. */
  readonly tags?: readonly string[];
  readonly user?: string;
  /** Submitted at this time or later. */
  readonly since?: Date;
  /** Submitted before this time. */
  readonly until?: Date;
  /** At most this many; all by default. */
  readonly limit?: number;
};

/** `new Flow<TrainFlow>("TrainFlow")` types what its runs hold. */
export class Flow<F = AnyFlow> {
  readonly name: FlowName;
  readonly #session: Session | null;

  /** Asks nothing yet. @throws NameError */
  constructor(name: string, session: Session | null = null) {
    this.name = parseFlowName(name);
    this.#session = session;
  }

  get id(): FlowName {
    return this.name;
  }
  get pathspec(): string {
    return this.name;
  }

  /**
   * Newest first, within the namespace; filtered by the coordinator and fetched page by page. What is listed is a summary,
   * which costs the same for a run of any size: `await listed.load()` gives the run with its steps and data.
   */
  async *runs(filter: RunsFilter = {}): AsyncGenerator<ListedRun<F>, void, undefined> {
    const session = await this.#open();
    const query = queryOf(this.name, session, filter);
    let left = filter.limit ?? Number.POSITIVE_INFINITY;
    let cursor: string | null = null;
    while (left > 0) {
      const page = await session.connection.control.runs({
        ...query,
        limit: Math.min(left, pageLength),
        ...(cursor !== null && { cursor }),
      });
      for (const summary of page.items) yield new ListedRun<F>(session, summary);
      left -= page.items.length;
      cursor = page.next;
      if (cursor === null) return;
    }
  }

  /** By number, in any namespace. @throws ControlError notFound, naming the newest run that there is */
  async run(number: number): Promise<Run<F>> {
    const session = await this.#open();
    const id = runIdOf(this.name, number);
    try {
      return new Run<F>(session, await session.connection.control.run(id));
    } catch (error) {
      if (!(error instanceof ControlError) || error.code !== "notFound") throw error;
      throw new ControlError("notFound", `there is no run ${id}; ${await this.#whatThereIs(session)}`);
    }
  }

  /** The newest run within the namespace, whatever its status; null where there is none. */
  latestRun(filter: Omit<RunsFilter, "limit"> = {}): Promise<Run<F> | null> {
    return this.#latest(filter);
  }

  /** The newest run within the namespace that has succeeded; null where there is none. */
  latestSuccessfulRun(filter: Omit<RunsFilter, "limit" | "status"> = {}): Promise<Run<F> | null> {
    return this.#latest({ ...filter, status: "succeeded" });
  }

  [Symbol.asyncIterator](): AsyncGenerator<ListedRun<F>, void, undefined> {
    return this.runs();
  }

  toJSON(): object {
    return { pathspec: this.pathspec };
  }

  [inspect.custom](): string {
    return `Flow ${this.name}`;
  }

  async #latest(filter: RunsFilter): Promise<Run<F> | null> {
    const session = await this.#open();
    const view = await session.connection.control.latest({ ...queryOf(this.name, session, filter), limit: 1 });
    return view === null ? null : new Run<F>(session, view);
  }

  async #whatThereIs({ connection: { control } }: Session): Promise<string> {
    const { items, total } = await control.runs({ flow: this.name, namespace: null, limit: 1 });
    if (items[0] !== undefined) return `the newest of ${total ?? "its"} ${total === 1 ? "run" : "runs"} is ${items[0].run}`;
    const flows = await control.flows(null);
    const close = nearest(this.name, flows);
    if (close !== null) return `did you mean ${close}?`;
    return flows.length === 0 ? "nothing has run here yet" : `the flows are ${flows.join(", ")}`;
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
