// Makes, changes and takes away the resources of a stack, one after another, and undoes it all when one fails.
//
// E1. Every state of a resource and of the stack is an event.
// E2. What is to be kept when the stack goes is kept.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Refusal } from "../aws/refusal.ts";
import type { Lookup } from "./intrinsics.ts";
import type { Change, ChangeSet, Plan, Stack } from "./stack.ts";
import { lookupOf, outputsOf, type Resource } from "./template.ts";

export type ExecutionOptions = {
  /** What each resource takes. */
  readonly resourceMs: number;
  /** Reasons for which resources fail, by their ids; each fails once for each entry. */
  readonly failures: Map<string, string>;
  /** What resources say of themselves, as `Id.Attribute`. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
};

export class Execution {
  readonly #stack: Stack;
  readonly #options: ExecutionOptions;
  readonly #token: string | undefined;

  constructor(stack: Stack, options: ExecutionOptions, token: string | undefined) {
    this.#stack = stack;
    this.#options = options;
    this.#token = token;
  }

  async apply({ plan, changes, tags }: ChangeSet): Promise<void> {
    const before = this.#stack.plan;
    const word = before === null ? "CREATE" : "UPDATE";
    this.#stack.tags = tags;
    this.#stack.updatedAt = before === null ? undefined : new Date();
    this.#stack.move(`${word}_IN_PROGRESS`, this.#token, "User Initiated");
    const done: Change[] = [];
    for (const change of changes.filter(({ Action }) => Action !== "Remove")) {
      const isMade = await this.#make(change);
      if (isMade) done.push(change);
      else return before === null ? this.#rollBack(plan, change) : this.#undo(done, change);
    }
    this.#stack.plan = plan;
    try {
      this.#stack.outputs = outputsOf(plan.template, this.#lookup(plan));
    } catch (error) {
      this.#stack.statusReason = (error as Refusal).message;
    }
    if (before !== null) {
      this.#stack.move("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", this.#token);
      const gone = changes.filter(({ Action }) => Action === "Remove").map(({ LogicalResourceId }) => LogicalResourceId);
      for (const resource of before.resources.toReversed()) if (gone.includes(resource.id)) await this.#remove(resource);
    }
    this.#stack.move(`${word}_COMPLETE`, this.#token);
  }

  async end(): Promise<void> {
    this.#stack.move("DELETE_IN_PROGRESS", this.#token, "User Initiated");
    for (const resource of this.#stack.plan?.resources.toReversed() ?? []) {
      if (await this.#remove(resource)) continue;
      this.#stack.move("DELETE_FAILED", this.#token, `The following resource(s) failed to delete: [${resource.id}]. `);
      return;
    }
    this.#stack.move("DELETE_COMPLETE", this.#token);
  }

  async #make({ Action, LogicalResourceId: id, ResourceType: type, Replacement }: Change): Promise<boolean> {
    const word = Action === "Add" ? "CREATE" : "UPDATE";
    const old = this.#stack.physicalIds.get(id) ?? "";
    await this.#tell({ id, type, physicalId: old }, `${word}_IN_PROGRESS`);
    const physicalId = Action === "Add" || Replacement === "True" ? physicalIdOf(this.#stack, { id, type }) : old;
    const failure = this.#takeFailure(id);
    if (failure === null) this.#stack.physicalIds.set(id, physicalId);
    await this.#tell({ id, type, physicalId }, failure === null ? `${word}_COMPLETE` : `${word}_FAILED`, failure ?? undefined);
    return failure === null;
  }

  async #remove({ id, type, isKept }: Resource): Promise<boolean> {
    const physicalId = this.#stack.physicalIds.get(id);
    if (physicalId === undefined) return true;
    if (isKept) {
      await this.#tell({ id, type, physicalId }, "DELETE_SKIPPED");
      this.#stack.physicalIds.delete(id);
      return true;
    }
    await this.#tell({ id, type, physicalId }, "DELETE_IN_PROGRESS");
    const failure = this.#takeFailure(id);
    if (failure === null) this.#stack.physicalIds.delete(id);
    await this.#tell({ id, type, physicalId }, failure === null ? "DELETE_COMPLETE" : "DELETE_FAILED", failure ?? undefined);
    return failure === null;
  }

  async #rollBack(plan: Plan, failed: Change): Promise<void> {
    const reason = `The following resource(s) failed to create: [${failed.LogicalResourceId}]. Rollback requested by user.`;
    this.#stack.move("ROLLBACK_IN_PROGRESS", this.#token, reason);
    for (const resource of plan.resources.toReversed()) await this.#remove(resource);
    this.#stack.plan = { ...plan, resources: [] };
    this.#stack.move("ROLLBACK_COMPLETE", this.#token);
  }

  async #undo(done: readonly Change[], failed: Change): Promise<void> {
    const reason = `The following resource(s) failed to ${failed.Action === "Add" ? "create" : "update"}: [${failed.LogicalResourceId}]. `;
    this.#stack.move("UPDATE_ROLLBACK_IN_PROGRESS", this.#token, reason);
    for (const { Action, LogicalResourceId: id, ResourceType: type } of [...done, failed].toReversed()) {
      if (Action === "Add") await this.#remove({ id, type, isKept: false, content: "", after: [] });
      else {
        const physicalId = this.#stack.physicalIds.get(id) ?? "";
        for (const status of ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]) await this.#tell({ id, type, physicalId }, status);
      }
    }
    this.#stack.move("UPDATE_ROLLBACK_COMPLETE", this.#token);
  }

  async #tell(
    resource: { readonly id: string; readonly type: string; readonly physicalId: string },
    status: string,
    reason?: string,
  ): Promise<void> {
    this.#stack.tell({ ...resource, status, reason }, this.#token);
    if (status.endsWith("_IN_PROGRESS")) await sleep(this.#options.resourceMs, undefined, { signal: this.#options.signal });
  }

  #takeFailure(id: string): string | null {
    const reason = this.#options.failures.get(id) ?? null;
    this.#options.failures.delete(id);
    return reason;
  }

  #lookup(plan: Plan): Lookup {
    return {
      ...lookupOf(plan.template, plan.parameters, this.#stack.pseudo()),
      physicalId: (id) => this.#stack.physicalIds.get(id) ?? id,
      attribute: (id, name) => this.#options.attributes[`${id}.${name}`] ?? usualAttribute(this.#stack, id, name),
    };
  }
}

function usualAttribute(stack: Stack, id: string, name: string): string {
  if (name === "Arn") return `arn:aws:test:::${stack.physicalIds.get(id) ?? id}`;
  // What a wait condition got: an object of JSON, by the names that the senders gave.
  return name === "Data" ? JSON.stringify({ sender: `data of ${id}` }) : `${id}.${name}`.toLowerCase();
}

function physicalIdOf({ name }: Stack, { id, type }: { readonly id: string; readonly type: string }): string {
  const mark = randomBytes(6).toString("hex");
  return type === "AWS::S3::Bucket" ? `${name}-${id}-${mark}`.toLowerCase() : `${name}-${id}-${mark.toUpperCase()}`;
}
