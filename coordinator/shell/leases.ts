// Watches over assignments: what workers say they hold, what they report, and what must be decided when they say nothing.
//
// L1. Silence is measured on the monotonic clock, and never while this process itself stood still.
// L2. A report counts only under the assignment's own attempt and lease. Whoever reports under another one is told to stop.
// L3. An assignment ends once: by an outcome, by a loss, or with its run's driver.
// L4. What its worker never named may never have reached it, as when the connection was dead: it is given to another worker
//     within `beatsUnheldMax` beats, and nobody is charged with a loss.

import { stopGraceSeconds } from "../../proto/control.ts";
import type { TaskOutcome } from "../../proto/order.ts";
import { decideLost, decideOutcome } from "../core/decide.ts";
import type { Decision } from "../core/decision.ts";
import type { Effect } from "../core/effect.ts";
import { needsOf } from "../core/needs.ts";
import type { Clock } from "../ports/clock.ts";
import type { Held } from "../../sdk/wire/worker-items.ts";
import { heldOf, isSame, timeoutBackstop, type Assignment } from "./assignment.ts";
import { enter, leave, type Concurrency } from "./concurrency.ts";
import type { Drivers } from "./drivers.ts";
import type { LogIntake } from "./log-intake.ts";
import type { CoordinatorLog } from "./log.ts";
import type { RunDriver } from "./run-driver.ts";
import { troubleLines } from "./trouble-lines.ts";
import type { Worker, Workers } from "./workers.ts";

export type LeasesOptions = {
  readonly clock: Clock;
  readonly log: CoordinatorLog;
  readonly workers: Workers;
  readonly drivers: Drivers;
  readonly intake: LogIntake;
  readonly concurrency: Concurrency;
  readonly leaseMs: number;
  readonly beatMs: number;
  /** How long workers of a coordinator that died may come back to what they hold. */
  readonly adoptGraceMs: number;
  /** A worker has room again, or may be given work again. */
  onRoom(driver: RunDriver): void;
};

/** Beats that may pass without an assignment before it counts as never arrived. */
const beatsUnheldMax = 3;
/** What a worker is given to report a stopped attempt, beyond the time that the attempt gets. Milliseconds. */
const stopReportMs = 30_000;

const diedWithCoordinator = "its coordinator died";
const left = "its worker was to leave";

export class Leases {
  readonly #options: LeasesOptions;
  #cancelWatch: () => void = () => undefined;
  #opened = false;
  #closed = false;

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.#watchLater();
  }

  close(): void {
    this.#closed = true;
    this.#cancelWatch();
  }

  /** The current assignment that `held` names, if this worker has it. */
  find(worker: Worker, held: Held): { readonly driver: RunDriver; readonly assignment: Assignment } | null {
    const driver = this.#options.drivers.get(held.run);
    // The map's keys are task names; a string that is none is found in no map.
    const assignment = driver?.assignments.get(held.task as Assignment["task"]);
    if (driver === undefined || assignment === undefined || !isSame(assignment, held) || assignment.worker !== worker.id) return null;
    assignment.acknowledged = true;
    return { driver, assignment };
  }

  heard(worker: Worker): void {
    worker.heardAtMs = this.#options.clock.monotonicMs();
  }

  /** A new stream begins: what the worker doesn't name never reached it, or is forgotten there. */
  greeted(worker: Worker, held: readonly Held[]): void {
    const still = this.#stillHeld(worker, held);
    for (const assignment of worker.assignments) if (!still.has(assignment)) this.#lose(worker, assignment, "not held after a new stream");
  }

  beat(worker: Worker, held: readonly Held[]): void {
    this.#stillHeld(worker, held);
    this.#tellLines(worker);
    const sinceMs = this.#unheldSinceMs();
    for (const assignment of worker.assignments)
      if (assignment.heldAtMs <= sinceMs) this.#revoke(worker, assignment, "not held by its worker");
  }

  /** Everything that the worker holds runs elsewhere, since it was to leave. */
  takeAway(worker: Worker): void {
    for (const assignment of worker.assignments) this.#revoke(worker, assignment, left);
  }

  /** Answers the worker once its report is durable, or known to be refused. */
  outcome(worker: Worker, of: Held, outcome: TaskOutcome): void {
    const found = this.find(worker, of);
    if (found === null) return this.#refuse(worker, of, "another attempt or lease is current, or none is");
    const { driver, assignment } = found;
    const { task, attempt, lease } = assignment;
    const decision = decideOutcome(driver.state, { task, attempt, lease, outcome, atMs: this.#options.clock.nowMs() });
    const refusal = driver.propose(decision, () => worker.line?.send({ kind: "accepted", of, refused: false }));
    if (refusal === null) this.#printTrouble(driver, assignment);
    this.#forget(driver, assignment, worker);
    if (refusal !== null) this.#refuse(worker, of, refusal.message);
    this.#options.onRoom(driver);
  }

  stop(driver: RunDriver, effect: Extract<Effect, { kind: "stop" }>): void {
    const assignment = driver.assignments.get(effect.task);
    if (assignment === undefined || assignment.lease !== effect.lease) return;
    const dueMs = this.#options.clock.monotonicMs() + 1000 * stopGraceSeconds + stopReportMs;
    assignment.backstop ??= { dueMs, failure: { kind: "cancelled", by: effect.by } };
    if (assignment.backstop.dueMs > dueMs) assignment.backstop = { dueMs, failure: { kind: "cancelled", by: effect.by } };
    this.#sendStop(assignment, effect.by);
  }

  /** What ran under a coordinator before this one is expected back, or lost at once where nobody can come back. */
  adopted(driver: RunDriver): void {
    const { clock, workers, leaseMs, adoptGraceMs, concurrency } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const task of driver.state.running) {
      const last = task.attempts.at(-1);
      if (last === undefined) continue;
      const { attempt, lease, worker: id, token } = last;
      const worker = workers.expect(id, nowMs - leaseMs + adoptGraceMs);
      worker.tokenId ??= token;
      const assignment: Assignment = {
        run: driver.run,
        task: task.id,
        attempt,
        lease,
        worker: id,
        needs: needsOf(task),
        counted: concurrency.of(driver.state.submitted.graph.flow, task.step.node.name),
        heldAtMs: nowMs,
        acknowledged: true,
        backstop: timeoutBackstop(task, nowMs),
        lines: null,
        output: { next: null, written: 0, told: 0 },
      };
      driver.assignments.set(task.id, assignment);
      enter(assignment.counted);
      workers.hold(worker, assignment);
      if (adoptGraceMs === 0 && worker.line === null) this.#lose(worker, assignment, diedWithCoordinator);
    }
  }

  /** Whoever is expected can come back from now on, and not before: taking up many runs may have taken longer than the grace. */
  opened(): void {
    const { clock, workers, leaseMs, adoptGraceMs } = this.#options;
    const sinceMs = clock.monotonicMs() - leaseMs + adoptGraceMs;
    this.#opened = true;
    for (const worker of workers.all()) if (worker.hello === null) worker.heardAtMs = Math.max(worker.heardAtMs, sinceMs);
  }

  /** The run is driven no longer: its assignments are nobody's, unless it will be taken up `again` at once. */
  driverEnded(driver: RunDriver, again: boolean): void {
    for (const assignment of driver.assignments.values()) {
      const worker = this.#options.workers.get(assignment.worker);
      if (!again) worker?.line?.send({ kind: "revoke", of: heldOf(assignment) });
      this.#forget(driver, assignment, worker);
    }
  }

  /** A run was taken up again: what its workers reported in between went unanswered. On a new stream they say it again. */
  askAgain(): void {
    for (const worker of this.#options.workers.all()) worker.line?.end("the coordinator has read its ledger again");
  }

  #stillHeld(worker: Worker, held: readonly Held[]): ReadonlySet<Assignment> {
    const nowMs = this.#options.clock.monotonicMs();
    const still = new Set<Assignment>();
    for (const one of held) {
      const found = this.find(worker, one);
      if (found === null) {
        this.#refuseHeld(worker, one);
        continue;
      }
      found.assignment.heldAtMs = nowMs;
      still.add(found.assignment);
      const { stopping } = found.driver.state;
      if (stopping !== null) this.#sendStop(found.assignment, stopping.by);
    }
    return still;
  }

  /** An outcome that is being made durable is still held by its worker, and must stay so until it is told. */
  #refuseHeld(worker: Worker, held: Held): void {
    const { drivers } = this.#options;
    const driver = drivers.get(held.run);
    if (driver === undefined) return drivers.isAdopting(held.run) ? undefined : worker.line?.send({ kind: "revoke", of: held });
    const line = worker.line;
    driver.settled().then(
      () => line?.send({ kind: "revoke", of: held }),
      () => undefined,
    );
  }

  /** The first report may still be on its way to the ledger: the answer comes after it. */
  #refuse(worker: Worker, of: Held, reason: string): void {
    const line = worker.line;
    const { drivers, log } = this.#options;
    if (drivers.isAdopting(of.run)) return;
    const fields = { event: "outcome.refused", run_id: of.run, task_id: of.task, attempt: of.attempt, lease: of.lease };
    log.warn({ ...fields, worker_id: worker.id, reason }, "an outcome was refused");
    const tell = (): void => line?.send({ kind: "accepted", of, refused: true });
    const driver = drivers.get(of.run);
    if (driver === undefined) return tell();
    driver.settled().then(tell, () => undefined);
  }

  #sendStop(assignment: Assignment, by: string): void {
    const line = this.#options.workers.get(assignment.worker)?.line;
    line?.send({ kind: "stop", of: heldOf(assignment), graceMs: 1000 * stopGraceSeconds, by });
  }

  #revoke(worker: Worker, assignment: Assignment, why: string): void {
    worker.line?.send({ kind: "revoke", of: heldOf(assignment) });
    this.#lose(worker, assignment, why);
  }

  /** What was last named before then should have been named again. */
  #unheldSinceMs(): number {
    return this.#options.clock.monotonicMs() - beatsUnheldMax * this.#options.beatMs;
  }

  /** Lines that were taken in a beat ago are in their files by now: the worker need not keep them for another stream. */
  #tellLines(worker: Worker): void {
    for (const assignment of worker.assignments) {
      const { output } = assignment;
      if (output.written > output.told) {
        worker.line?.send({ kind: "linesKept", of: heldOf(assignment), lines: output.written });
        output.told = output.written;
      }
      output.written = output.next ?? 0;
    }
  }

  #lose(worker: Worker, assignment: Assignment, why: string): void {
    const { task, attempt, lease, run } = assignment;
    const driver = this.#options.drivers.get(run);
    if (driver === undefined) return this.#options.workers.release(worker, assignment);
    const how = why === left ? "drained" : assignment.acknowledged ? "lost" : "undelivered"; // L4
    const event = how === "lost" ? "task.lost" : "task.returned";
    const fields = { event, run_id: run, task_id: task, attempt, lease, worker_id: worker.id, reason: why };
    // Whoever takes a run up, or sends a worker away, expects it.
    const level = why === diedWithCoordinator || why === left ? "info" : "warn";
    this.#options.log[level](fields, how === "lost" ? "an attempt was lost" : "an attempt is given to another worker");
    const decision = decideLost(driver.state, { task, attempt, lease, worker: worker.id, how, atMs: this.#options.clock.nowMs() });
    this.#decide(driver, assignment, decision);
  }

  #decide(driver: RunDriver, assignment: Assignment, decision: Decision): void {
    this.#forget(driver, assignment, this.#options.workers.get(assignment.worker));
    const refusal = driver.propose(decision);
    if (refusal === null) this.#printTrouble(driver, assignment);
    else
      this.#options.log.debug(
        { event: "decision.refused", run_id: driver.run, task_id: assignment.task, reason: refusal.message },
        "a decision was refused",
      );
    this.#options.onRoom(driver);
  }

  #printTrouble(driver: RunDriver, assignment: Assignment): void {
    const atMs = this.#options.clock.nowMs();
    const lines = troubleLines(driver.state, assignment.task, assignment.attempt).map((text) => ({
      stream: "system" as const,
      atMs,
      text,
    }));
    if (lines.length > 0) this.#options.intake.take(assignment, lines);
  }

  #forget(driver: RunDriver, assignment: Assignment, worker: Worker | undefined): void {
    if (worker !== undefined) this.#options.workers.release(worker, assignment);
    if (driver.assignments.get(assignment.task) !== assignment) return;
    driver.assignments.delete(assignment.task);
    leave(assignment.counted);
  }

  #watchLater(): void {
    const { clock, beatMs } = this.#options;
    const everyMs = beatMs / 2;
    const expectedMs = clock.monotonicMs() + everyMs;
    const watch = (): void => {
      if (this.#closed) return;
      this.#watch(clock.monotonicMs() - expectedMs);
      this.#watchLater();
    };
    this.#cancelWatch = clock.after(everyMs, watch, { background: true });
  }

  #watch(lateMs: number): void {
    const { clock, workers, drivers, leaseMs, beatMs, log } = this.#options;
    const nowMs = clock.monotonicMs();
    // L1: this process was stopped, or busy; beats that came meanwhile are read after this turn.
    const stoodStill = lateMs > beatMs;
    for (const worker of workers.all()) {
      if (stoodStill) {
        worker.heardAtMs += lateMs;
        for (const assignment of worker.assignments) assignment.heldAtMs += lateMs;
      }
      this.#checkDelivery(worker);
      if (nowMs - worker.heardAtMs <= leaseMs || (!this.#opened && worker.hello === null)) continue;
      const fields = { event: "worker.lost", worker_id: worker.id, assignments: worker.assignments.size };
      // One that held nothing, like the worker of a process that died, leaves nothing undone.
      log[worker.assignments.size === 0 ? "debug" : "warn"](fields, "a worker has been silent for the lease time");
      const { hello, pool, heardAtMs } = worker;
      if (hello !== null) workers.lost.note({ hello, pool, heardAtMs, lostAtMs: nowMs, requeued: worker.assignments.size });
      for (const assignment of worker.assignments) this.#lose(worker, assignment, "its worker is silent");
      worker.line?.end("silent for the lease time");
      workers.forget(worker);
    }
    for (const driver of drivers.all())
      for (const assignment of driver.assignments.values()) this.#checkBackstop(driver, assignment, nowMs);
  }

  /** L4: the beat that would have named it doesn't come either. */
  #checkDelivery(worker: Worker): void {
    const sinceMs = this.#unheldSinceMs();
    for (const assignment of worker.assignments) {
      if (!assignment.acknowledged && assignment.heldAtMs <= sinceMs) this.#revoke(worker, assignment, "never acknowledged by its worker");
    }
  }

  #checkBackstop(driver: RunDriver, assignment: Assignment, nowMs: number): void {
    const { backstop, task, attempt, lease } = assignment;
    if (backstop === null || nowMs < backstop.dueMs) return;
    const atMs = this.#options.clock.nowMs();
    this.#options.log.warn(
      { event: "task.backstop", run_id: driver.run, task_id: task, attempt, failure: backstop.failure.kind },
      "a worker did not end an attempt in time",
    );
    this.#options.workers.get(assignment.worker)?.line?.send({ kind: "revoke", of: heldOf(assignment) });
    const usage = { startedAtMs: atMs, finishedAtMs: atMs, cpuMs: 0, peakMiB: 0 };
    const outcome: TaskOutcome = { kind: "failed", failure: backstop.failure, artifacts: {}, usage };
    this.#decide(driver, assignment, decideOutcome(driver.state, { task, attempt, lease, outcome, atMs }));
  }
}
