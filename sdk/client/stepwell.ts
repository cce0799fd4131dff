// The way in: everything that a coordinator or a local folder knows.

import { parsePathspec } from "../../proto/ids.ts";
import { defaultSession, type Session } from "./connection.ts";
import { Flow } from "./flow.ts";
import type { Run } from "./run.ts";
import type { Task } from "./task.ts";

export class Stepwell {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  flow<F = unknown>(name: string): Flow<F> {
    return new Flow<F>(name, this.#session);
  }

  /** `TrainFlow/17` or `TrainFlow/latest`. @throws NameError, ControlError notFound */
  async run<F = unknown>(pathspec: string): Promise<Run<F>> {
    const path = parsePathspec(pathspec);
    if (path.run === undefined) throw new Error(`"${pathspec}" names a flow; add a run: ${path.flow}/17 or ${path.flow}/latest`);
    const flow = this.flow<F>(path.flow);
    if (path.run !== "latest") return flow.run(path.run);
    const latest = await flow.latestRun();
    if (latest === null) throw new Error(`${path.flow} has no run in namespace ${this.#session.namespace ?? "(all)"}`);
    return latest;
  }

  /** `TrainFlow/17/train/2`. */
  async task<F = unknown>(pathspec: string): Promise<Task<F>> {
    const path = parsePathspec(pathspec);
    if (path.task === undefined) throw new Error(`"${pathspec}" is not a task: expected Flow/RUN/step/INDEX`);
    const run = await this.run<F>(`${path.flow}/${path.run}`);
    return run.task(path.task);
  }

  async close(): Promise<void> {
    await this.#session.connection.close();
  }
}

/** The configured coordinator, or this folder's `.stepwell`. */
export async function connect(): Promise<Stepwell> {
  return new Stepwell(await defaultSession());
}
