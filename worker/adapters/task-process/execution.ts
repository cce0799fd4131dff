// Runs the steps of a code package in a task process: opens the package once, evaluates it afresh for every attempt.

import type { Failure } from "../../../proto/failure.ts";
import type { Sha256 } from "../../../proto/ids.ts";
import type { TaskOrder, TaskOutcome } from "../../../proto/order.ts";
import { parseTaskOrder } from "../../../proto/parse/task.ts";
import type { ArtifactStore, BlockingReader } from "../../../sdk/artifact/store.ts";
import { executeStep } from "../../../sdk/execute/execute-step.ts";
import { failureOf } from "../../../sdk/execute/failure-of.ts";
import type { FlowClass } from "../../../sdk/flow/flow-spec.ts";
import * as stepwell from "../../../sdk/index.ts";
import { openPackage, type LoadedPackage } from "../../../sdk/package/code-package.ts";
import type { Attempt, Execution } from "./serve.ts";

export class PackageExecution implements Execution {
  readonly #store: ArtifactStore & BlockingReader;
  /** A process is used for one code package. */
  #opened: { readonly codePackage: Sha256; readonly code: LoadedPackage } | null = null;

  constructor(store: ArtifactStore & BlockingReader) {
    this.#store = store;
  }

  async execute(attempt: Attempt): Promise<TaskOutcome> {
    let order: TaskOrder;
    let code: LoadedPackage;
    try {
      order = parseTaskOrder(attempt.order);
      code = this.#open(order.codePackage);
    } catch (error) {
      return failed({
        kind: "start",
        message: `the attempt cannot be set up: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
    let flowClass: FlowClass;
    try {
      flowClass = code.freshFlow();
    } catch (error) {
      return failed(failureOf(error, code.locate));
    }
    return executeStep({
      order,
      flowClass,
      store: this.#store,
      signal: attempt.signal,
      get tempDir() {
        return attempt.tempDir();
      },
      locate: code.locate,
      report: (progress) => attempt.tell(progress),
      codeDone: () => attempt.codeReturned(),
      get graceMs() {
        return attempt.settleMs();
      },
    });
  }

  failureOf(error: unknown): Failure {
    return failureOf(error, this.#opened?.code.locate);
  }

  #open(codePackage: Sha256): LoadedPackage {
    if (this.#opened?.codePackage !== codePackage) {
      this.#opened = { codePackage, code: openPackage(this.#store.getSync(codePackage), { stepwell }) };
    }
    return this.#opened.code;
  }
}

function failed(failure: Failure): TaskOutcome {
  const nowMs = Date.now();
  return { kind: "failed", failure, artifacts: {}, usage: { startedAtMs: nowMs, finishedAtMs: nowMs, cpuMs: 0, peakMiB: 0 } };
}
