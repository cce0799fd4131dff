// Runs the steps of a code package in a task process: opens the package once, evaluates it afresh for every attempt.

import type { Failure } from "../../../proto/failure.ts";
import type { Sha256 } from "../../../proto/ids.ts";
import type { TaskOrder, TaskOutcome } from "../../../proto/order.ts";
import { parseTaskOrder } from "../../../proto/parse/task.ts";
import { describeLostSecrets, missingSecrets } from "../../../proto/secret.ts";
import { readArtifactSync } from "../../../sdk/artifact/read.ts";
import type { ArtifactStore, BlockingReader } from "../../../sdk/artifact/store.ts";
import { executeStep } from "../../../sdk/execute/execute-step.ts";
import { failureOf } from "../../../sdk/execute/failure-of.ts";
import { hideInFailure, secretTexts } from "../../../sdk/execute/secrets.ts";
import type { FlowClass } from "../../../sdk/flow/flow-spec.ts";
import * as stepwell from "../../../sdk/index.ts";
import { openPackage, type LoadedPackage } from "../../../sdk/package/code-package.ts";
import type { Attempt, Execution } from "./serve.ts";

export class PackageExecution implements Execution {
  readonly #store: ArtifactStore & BlockingReader;
  /** A process is used for one code package. */
  #opened: { readonly codePackage: Sha256; readonly code: LoadedPackage } | null = null;
  /** Of the order that comes next. */
  #provided: Uint8Array | null = null;
  /** Of the attempt that runs. */
  #secrets: readonly string[] = [];

  constructor(store: ArtifactStore & BlockingReader) {
    this.#store = store;
  }

  async execute(attempt: Attempt): Promise<TaskOutcome> {
    let order: TaskOrder;
    let code: LoadedPackage;
    try {
      order = parseTaskOrder(attempt.order);
      this.#secrets = this.#secretsOf(order);
      if (order.secrets.length > 0) attempt.hide(this.#secrets);
      const lost = missingSecrets(order.secrets, order.parameters);
      if (lost.length > 0) throw new Error(describeLostSecrets(lost, order.run));
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
      return failed(this.failureOf(error));
    }
    const outcome = await executeStep({
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
    return outcome.kind === "failed" ? { ...outcome, failure: hideInFailure(outcome.failure, this.#secrets) } : outcome;
  }

  provide(codePackage: Uint8Array): void {
    this.#provided = codePackage;
  }

  failureOf(error: unknown): Failure {
    return hideInFailure(failureOf(error, this.#opened?.code.locate), this.#secrets);
  }

  #secretsOf({ parameters, secrets }: TaskOrder): readonly string[] {
    const refs = secrets.flatMap((name) => parameters[name] ?? []);
    return secretTexts(refs.map((ref) => readArtifactSync(ref, this.#store)));
  }

  #open(codePackage: Sha256): LoadedPackage {
    if (this.#opened?.codePackage !== codePackage) {
      const bytes = this.#provided ?? this.#store.getSync(codePackage);
      this.#opened = { codePackage, code: openPackage(bytes, { stepwell }) };
    }
    this.#provided = null;
    return this.#opened.code;
  }
}

function failed(failure: Failure): TaskOutcome {
  const nowMs = Date.now();
  return { kind: "failed", failure, artifacts: {}, usage: { startedAtMs: nowMs, finishedAtMs: nowMs, cpuMs: 0, peakMiB: 0 } };
}
