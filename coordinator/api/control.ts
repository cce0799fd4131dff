// What clients may ask, answered from the runs driven here, from the ledger, or by the process that drives the run.

import {
  ControlError,
  type Asker,
  type Control,
  type LogsQuery,
  type Page,
  type ResumePlan,
  type ResumeRequest,
  type RunsQuery,
  type SubmitRequest,
  type TagChange,
  type TasksQuery,
  type Until,
} from "../../proto/control.ts";
import type { BlobGrant, BlobPlace, BlobRequest } from "../../proto/blobs.ts";
import type { CollectReport, CollectRequest } from "../../proto/collect.ts";
import type { RecordedEvent, ReusedTask, RunEvent, RunOptions } from "../../proto/event.ts";
import type { HealthView } from "../../proto/health.ts";
import type { FlowName, RunId, TaskId } from "../../proto/ids.ts";
import type { LaunchId, LaunchView } from "../../proto/launch.ts";
import type { ListedRun, LogLine, RunSummary, RunView, TaskView, WorkerView } from "../../proto/view.ts";
import type { WaitsView } from "../../proto/waits.ts";
import { describeLostSecrets, missingSecrets } from "../../proto/secret.ts";
import { collectedObjection } from "../core/collect.ts";
import { decideCancel, decideRetry } from "../core/decide.ts";
import type { Decision } from "../core/decision.ts";
import { planResume, type PlannedResume } from "../core/resume.ts";
import type { RunState, RunSubmitted } from "../core/state.ts";
import { objectionToSecrets, secretsOfRun, type SecretsOfRun } from "../core/secrets.ts";
import { objectionToSubmission } from "../core/submission.ts";
import { decideTags } from "../core/tags.ts";
import { taskView, tasksPage } from "../core/task-view.ts";
import { runView } from "../core/view.ts";
import type { BlobAccess } from "../ports/blob-access.ts";
import type { SecretStore } from "../ports/secret-store.ts";
import type { Owner } from "../ports/ledger.ts";
import { OwnedElsewhere } from "../shell/drivers.ts";
import { DriverEnded } from "../shell/run-driver.ts";
import type { SweepableStore } from "../../sdk/artifact/sweepable.ts";
import { ClientBlobs } from "./client-blobs.ts";
import { drainWorker, workerViews, type FleetPorts } from "./fleet.ts";
import { Collecting } from "./collecting.ts";
import { asked, controlErrorOf } from "./control-errors.ts";
import type { Health } from "./health.ts";
import { followEvents, type Following } from "./follow-events.ts";
import { followLogs, type LogPorts } from "./follow-logs.ts";
import { endLaunch, type LaunchDesk } from "./launch-desk.ts";
import { Grouped } from "./grouped.ts";
import { SharedEvents } from "./shared-events.ts";
import { waitsView, type WaitsPorts } from "./waits.ts";

/** Opens the Control of the process that listens at `address`. */
type OpenControl = (address: string) => Promise<Control & { close(): void }>;

export type ControlPorts = LogPorts &
  FleetPorts &
  WaitsPorts & {
    readonly openControl: OpenControl;
    readonly access: BlobAccess | null;
    readonly sweep: SweepableStore | null;
    readonly secrets: SecretStore | null;
    /** `batch`: workers are launched for steps with `@batch`. */
    readonly placement: RunOptions["placement"] | null;
    /** Null where no workers are launched. */
    readonly launches: LaunchDesk | null;
    readonly health: Health;
  };

/** Reused tasks in one event. */
const reusedPerEvent = 1000;

export class CoordinatorControl implements Control {
  readonly #ports: ControlPorts;
  readonly #blobs: ClientBlobs;
  readonly #collecting: Collecting;
  readonly #events: SharedEvents;

  constructor(ports: ControlPorts) {
    this.#ports = ports;
    this.#events = new SharedEvents(ports.ledger);
    this.#collecting = new Collecting({ ...ports, readState: (run) => this.#read(run) });
    this.#blobs = new ClientBlobs(ports.access, (run) => this.#read(run));
  }

  async submit(request: SubmitRequest): Promise<RunId> {
    const objection = objectionToSubmission(request);
    if (objection !== null) throw new ControlError("invalid", objection);
    const before = request.key === undefined ? null : await this.#ports.ledger.submitted(request.key);
    if (before !== null) return this.#again(before, request);
    const secrets = await this.#secretsOf(request);
    const reused = request.resume === null ? [] : (await this.#planned({ ...request, resume: request.resume }, secrets)).reused;
    const { clock, drivers } = this.#ports;
    const placed = { ...request, options: placedOptions(request.options, this.#ports.placement) };
    const events = (id: RunId) => firstEvents(placed, { run: id, reused, atMs: clock.nowMs() });
    const { flow } = request.graph;
    const beginning = request.key === undefined ? { flow } : { flow, key: request.key };
    const { run, isNew } = await drivers.create(beginning, events, secrets.values);
    if (!isNew) return this.#again(run, request);
    if (request.resume !== null) await this.#checkOrigin(run, request.resume.origin);
    return run;
  }

  /** The submission was carried out before, and nobody heard so. It may even have been recorded by a ledger that reported an error. */
  async #again(run: RunId, { graph, namespace, key }: SubmitRequest): Promise<RunId> {
    const state = await this.#read(run);
    const { submitted } = state;
    if (submitted.graph.flow !== graph.flow || submitted.context.namespace !== namespace)
      throw new ControlError("conflict", `the key ${JSON.stringify(key)} belongs to another submission: make a new one for each`);
    if (state.finishedAtMs === null) {
      await this.#ports.drivers.adopt(run).catch((error: unknown) => {
        if (!(error instanceof OwnedElsewhere || error instanceof DriverEnded)) throw error;
      });
    }
    return run;
  }

  /** What the plan takes over may have been collected since it was made; what is collected after the run exists, it keeps. */
  async #checkOrigin(run: RunId, origin: RunId): Promise<void> {
    const objection = collectedObjection(await this.#read(origin));
    if (objection === null) return;
    await this.cancel(run, { by: "garbage collection" });
    throw new ControlError("conflict", objection);
  }

  async plan(request: Resuming): Promise<ResumePlan> {
    return (await this.#planned(request, await this.#secretsOf(request))).plan;
  }

  cancel(run: RunId, asker: Asker): Promise<void> {
    return this.#change(run, {
      decide: (state, atMs) => decideCancel(state, { ...asker, atMs }),
      forward: (control) => control.cancel(run, asker),
      result: () => undefined,
    });
  }

  async retry(run: RunId, asker: Asker, tasks: readonly TaskId[] | null): Promise<void> {
    await this.#endStopping(run);
    await this.#checkSecrets(run);
    return this.#change(run, {
      decide: (state, atMs) => decideRetry(state, { ...asker, tasks, atMs }),
      forward: (control) => control.retry(run, asker, tasks),
      result: () => undefined,
    });
  }

  tag(run: RunId, asker: Asker, change: TagChange): Promise<readonly string[]> {
    return this.#change(run, {
      decide: (state, atMs) => decideTags(state, { ...asker, add: change.add, remove: change.remove, atMs }),
      forward: (control) => control.tag(run, asker, change),
      result: (state) => state.tags,
    });
  }

  async runs(query: RunsQuery): Promise<Page<ListedRun>> {
    const page = await asked(this.#ports.ledger.list(query));
    return { ...page, items: await Promise.all(page.items.map((run) => this.#listed(run))) };
  }

  flows(namespace: string | null, within?: string): Promise<readonly FlowName[]> {
    return this.#ports.ledger.flows(namespace, within);
  }

  async latest(query: RunsQuery): Promise<RunView | null> {
    const [newest] = (await this.#ports.ledger.list({ ...query, limit: 1 })).items;
    return newest === undefined ? null : this.run(newest.run);
  }

  async run(run: RunId): Promise<RunView> {
    const owner = await asked(this.#ports.ledger.owner(run));
    return runView(await this.#read(run), ownerText(owner));
  }

  async tasks(run: RunId, query: TasksQuery): Promise<Page<TaskView>> {
    const page = tasksPage(await this.#read(run), query);
    if ("kind" in page) throw controlErrorOf(page);
    return page;
  }

  async task(run: RunId, task: TaskId): Promise<TaskView> {
    const view = taskView(await this.#read(run), task);
    if (view === null)
      throw new ControlError("notFound", `there is no task ${task} in ${run}: it is misspelt, or what comes before it has not run yet`);
    return view;
  }

  async waits(run: RunId): Promise<WaitsView> {
    return waitsView(this.#ports, run, await this.#read(run));
  }

  events(run: RunId, afterSeq: number, until?: Until): AsyncIterable<RecordedEvent> {
    return new Grouped(() => this.#follow(run, { afterSeq, until }));
  }

  async *logs(query: LogsQuery, until?: Until): AsyncIterable<LogLine> {
    await this.#read(query.run);
    yield* followLogs(this.#ports, query, until);
  }

  async workers(): Promise<readonly WorkerView[]> {
    return workerViews(this.#ports);
  }

  health(): Promise<HealthView> {
    return this.#ports.health.view();
  }

  async drainWorker(worker: string, by: string, withinMs: number | null): Promise<void> {
    drainWorker(this.#ports, worker, { by, withinMs });
  }

  async launches(): Promise<readonly LaunchView[]> {
    return this.#ports.launches?.views() ?? [];
  }

  endLaunch(launch: LaunchId, by: string): Promise<void> {
    return endLaunch(this.#ports.launches, launch, by);
  }

  collect(request: CollectRequest): Promise<CollectReport> {
    return this.#collecting.collect(request);
  }

  async blobPlaces(): Promise<readonly BlobPlace[]> {
    return this.#ports.access?.places ?? [];
  }

  grantBlobs(run: RunId | null, requests: readonly BlobRequest[]): Promise<readonly BlobGrant[]> {
    return this.#blobs.grant(run, requests);
  }

  async *#follow(run: RunId, following: Following): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    await this.#read(run);
    yield* followEvents({ ...this.#ports, events: this.#events }, run, following);
  }

  async #listed(run: RunSummary): Promise<ListedRun> {
    const owner = run.finishedAtMs === null ? await this.#ports.ledger.owner(run.run) : null;
    return { ...run, owner: ownerText(owner) };
  }

  /** What was stopping when its coordinator died may have stopped with it: whoever takes the run up finds out before it decides. */
  async #endStopping(run: RunId): Promise<void> {
    const { drivers, history } = this.#ports;
    if (drivers.get(run) !== undefined) return;
    const state = await asked(history.read(run));
    if (state.stopping === null || state.finishedAtMs !== null) return;
    try {
      await drivers.adopt(run);
      await new Promise((resolve) => setImmediate(resolve));
      await drivers.get(run)?.settled();
    } catch (error) {
      if (!(error instanceof OwnedElsewhere || error instanceof DriverEnded)) throw error;
    }
  }

  /** The run's state, everything in it durable. To be looked at before the next turn. */
  async #read(run: RunId): Promise<RunState> {
    const driver = this.#ports.drivers.get(run);
    if (driver !== undefined) {
      try {
        await driver.settled();
        return driver.state;
      } catch (error) {
        if (!(error instanceof DriverEnded)) throw error;
      }
    }
    return asked(this.#ports.history.read(run));
  }

  async #secretsOf(request: SubmitRequest): Promise<SecretsOfRun> {
    const { secrets: store } = this.#ports;
    const objection = objectionToSecrets(request);
    if (objection !== null) throw new ControlError("invalid", objection);
    if (request.secrets.length > 0 && store === null) throw new ControlError("invalid", "this coordinator keeps no secret parameters");
    const origin = request.resume?.origin ?? null;
    const known = origin === null ? null : { state: await this.#read(origin), values: store?.get(origin) ?? {} };
    const secrets = secretsOfRun(request, known);
    if (typeof secrets === "string") throw new ControlError("invalid", secrets);
    return secrets;
  }

  /** A run whose secrets were lost is not begun again, since every task would fail. */
  async #checkSecrets(run: RunId): Promise<void> {
    const { submitted } = await this.#read(run);
    const { secrets, parameters } = submitted;
    if (secrets.length === 0) return;
    const missing = missingSecrets(secrets, parameters, this.#ports.secrets?.get(run) ?? {});
    if (missing.length > 0) throw new ControlError("conflict", describeLostSecrets(missing, run));
  }

  async #planned(request: Resuming, { changed }: SecretsOfRun): Promise<PlannedResume> {
    const { resume } = request;
    const changedParameters = [...resume.changedParameters, ...changed];
    const planned = planResume(await this.#read(resume.origin), { ...request, resume: { ...resume, changedParameters } });
    if (planned.kind === "refused") throw controlErrorOf(planned);
    return planned;
  }

  /** Decides here, or has the process decide that drives the run. */
  async #change<T>(run: RunId, change: Change<T>): Promise<T> {
    try {
      return await this.#decide(run, change);
    } catch (error) {
      if (!(error instanceof OwnedElsewhere)) throw error;
      return this.#forward(run, error.owner, change);
    }
  }

  async #decide<T>(run: RunId, change: Change<T>): Promise<T> {
    const { drivers, clock } = this.#ports;
    const decided = await asked(
      drivers.act(run, (driver) => {
        const refusal = driver.propose(change.decide(driver.state, clock.nowMs()));
        return refusal ?? { durable: driver.settled(), result: change.result(driver.state) };
      }),
    );
    if ("kind" in decided) throw controlErrorOf(decided);
    try {
      await decided.durable;
    } catch (error) {
      throw new ControlError(
        "unavailable",
        `${run} could not be changed: ${error instanceof Error ? error.message : String(error)}; see the coordinator's log`,
      );
    }
    return decided.result;
  }

  async #forward<T>(run: RunId, owner: Owner, change: Change<T>): Promise<T> {
    if (owner.address === "")
      throw new ControlError("unavailable", `${run} is driven by process ${owner.pid} on ${owner.host}, which takes no requests`);
    const control = await this.#ports.openControl(owner.address);
    try {
      return await change.forward(control);
    } catch (error) {
      // It may have died just now: then the run is ours to take.
      if (!(error instanceof ControlError) || error.code !== "unreachable") throw error;
      if ((await this.#ports.ledger.owner(run)) !== null) throw error;
      return await this.#decide(run, change);
    } finally {
      control.close();
    }
  }
}

type Resuming = SubmitRequest & { readonly resume: ResumeRequest };

type Change<T> = {
  decide(state: RunState, atMs: number): Decision;
  forward(control: Control): Promise<T>;
  result(state: RunState): T;
};

/** Where steps run is not for the client to say. */
function placedOptions(asked: RunOptions, placement: RunOptions["placement"] | null): RunOptions {
  const { placement: ofClient, ...options } = asked;
  if (placement === "batch") return { ...options, placement };
  return ofClient === undefined ? asked : options;
}

type Beginning = { readonly run: RunId; readonly reused: readonly ReusedTask[]; readonly atMs: number };

function firstEvents(request: SubmitRequest, { run, reused, atMs }: Beginning): readonly [RunSubmitted, ...RunEvent[]] {
  const { graph, codePackage, parameters, secrets, options, systemTags, tags, namespace, user } = request;
  // What the system says of a run anyway is not said twice.
  const own = [...new Set(tags)].filter((tag) => !systemTags.includes(tag));
  const context = { tags: own, namespace, user, originRun: request.resume?.origin ?? null };
  const others: RunEvent[] = [];
  for (let from = 0; from < reused.length; from += reusedPerEvent) {
    others.push({ kind: "tasksReused", atMs, tasks: reused.slice(from, from + reusedPerEvent) });
  }
  others.push({ kind: "runStarted", atMs });
  return [{ kind: "runSubmitted", atMs, run, graph, codePackage, parameters, secrets, options, context, systemTags }, ...others];
}

function ownerText(owner: Owner | null): string | null {
  return owner === null ? null : `${owner.pid}@${owner.host}`;
}
