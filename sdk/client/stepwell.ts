// The way in: everything that a coordinator or a local folder knows.

import { inspect } from "node:util";
import { parsePathspec, type Pathspec } from "../../proto/ids.ts";
import type { Artifact } from "./artifact.ts";
import type { AnyFlow } from "./data.ts";
import { defaultSession, sessionWith, type CoordinatorPlace, type Session } from "./connection.ts";
import { Flow } from "./flow.ts";
import type { Run } from "./run.ts";
import type { Step } from "./step.ts";
import type { Task } from "./task.ts";

/**
 * Without a session: the configured coordinator or this folder's `.stepwell`. With `{ coordinator: "host:7420" }`: that one. Either is
 * opened when the first question is asked.
 */
export class Stepwell {
  readonly #session: Session | null;

  /** @throws AddressError */
  constructor(from: Session | CoordinatorPlace | null = null) {
    this.#session = from !== null && "coordinator" in from ? sessionWith(from) : from;
  }

  /** The flows that have runs in the namespace, in alphabetical order. */
  async flows(): Promise<readonly Flow[]> {
    const { connection, namespace } = await this.#open();
    return (await connection.control.flows(namespace)).map((name) => new Flow(name, this.#session));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Flow, void, undefined> {
    yield* await this.flows();
  }

  /** @throws NameError */
  flow<F = AnyFlow>(name: string): Flow<F> {
    return new Flow<F>(name, this.#session);
  }

  /** `TrainFlow/17` or `TrainFlow/latest`. @throws NameError, ControlError notFound */
  async run<F = AnyFlow>(pathspec: string): Promise<Run<F>> {
    return this.#runOf<F>(parsePathspec(pathspec), pathspec);
  }

  /** `TrainFlow/17/train`. @throws NameError, ControlError notFound */
  async step<F = AnyFlow>(pathspec: string): Promise<Step<F>> {
    const path = parsePathspec(pathspec);
    if (path.step === undefined) throw new Error(`"${pathspec}" is no step: expected Flow/RUN/step`);
    return (await this.#runOf<F>(path, pathspec)).step(path.step);
  }

  /** `TrainFlow/17/train/2`. @throws NameError, ControlError notFound */
  async task<F = AnyFlow>(pathspec: string): Promise<Task<F>> {
    const path = parsePathspec(pathspec);
    if (path.task === undefined) throw new Error(`"${pathspec}" is no task: expected Flow/RUN/step/INDEX`);
    return (await this.#runOf<F>(path, pathspec)).task(path.task);
  }

  /** `TrainFlow/17/train/2/model`. @throws NameError, ControlError notFound */
  async artifact<T = unknown>(pathspec: string): Promise<Artifact<T>> {
    const path = parsePathspec(pathspec);
    if (path.artifact === undefined) throw new Error(`"${pathspec}" is no artifact: expected Flow/RUN/step/INDEX/name`);
    return (await this.task(`${path.flow}/${path.run}/${path.task}`)).artifact<T>(path.artifact);
  }

  /** Closes the connection of its own session. */
  async close(): Promise<void> {
    await this.#session?.connection.close();
  }

  [inspect.custom](): string {
    return "Stepwell";
  }

  async #runOf<F>({ flow: name, run }: Pathspec, pathspec: string): Promise<Run<F>> {
    const flow = this.flow<F>(name);
    if (run === undefined) throw new Error(`"${pathspec}" names a flow; add a run: ${name}/17 or ${name}/latest`);
    if (run !== "latest") return flow.run(run);
    const latest = await flow.latestRun();
    if (latest !== null) return latest;
    const { namespace } = await this.#open();
    throw new Error(
      namespace === null ? `${name} has no run` : `${name} has no run in namespace ${namespace}; namespace(null) shows those of all`,
    );
  }

  #open(): Promise<Session> {
    return this.#session === null ? defaultSession() : Promise.resolve(this.#session);
  }
}
