// A stack: what it was made of, and what has happened to it.

import { randomUUID } from "node:crypto";
import type { Resource, Template } from "./template.ts";

export const region = "eu-west-1";
export const account = "123456789012";

export type Plan = {
  readonly template: Template;
  readonly parameters: ReadonlyMap<string, string>;
  readonly resources: readonly Resource[];
};

export type Change = {
  readonly Action: "Add" | "Modify" | "Remove";
  readonly LogicalResourceId: string;
  readonly ResourceType: string;
  readonly PhysicalResourceId?: string;
  readonly Replacement?: "True" | "False" | "Conditional";
};

export type ChangeSet = {
  readonly id: string;
  readonly name: string;
  readonly stack: Stack;
  readonly plan: Plan;
  readonly changes: readonly Change[];
  readonly tags: ReadonlyMap<string, string>;
  status: "CREATE_PENDING" | "CREATE_COMPLETE" | "FAILED";
  statusReason: string | undefined;
  executionStatus: "UNAVAILABLE" | "AVAILABLE" | "OBSOLETE" | "EXECUTE_COMPLETE";
};

export type StackEvent = {
  readonly EventId: string;
  readonly StackId: string;
  readonly StackName: string;
  readonly LogicalResourceId: string;
  readonly PhysicalResourceId: string;
  readonly ResourceType: string;
  readonly ResourceStatus: string;
  readonly ResourceStatusReason?: string;
  readonly ClientRequestToken?: string;
  readonly Timestamp: Date;
};

export type Happening = {
  readonly id: string;
  readonly type: string;
  readonly physicalId: string;
  readonly status: string;
  readonly reason?: string | undefined;
};

export class Stack {
  readonly id: string;
  readonly name: string;
  readonly createdAt = new Date();
  /** The newest ones first. */
  readonly events: StackEvent[] = [];
  readonly changeSets = new Map<string, ChangeSet>();
  /** Names that resources have outside the stack, by their ids within. */
  readonly physicalIds = new Map<string, string>();
  status = "REVIEW_IN_PROGRESS";
  statusReason: string | undefined;
  updatedAt: Date | undefined;
  /** Null until it was made for the first time. */
  plan: Plan | null = null;
  outputs: readonly object[] = [];
  tags: ReadonlyMap<string, string> = new Map();

  constructor(name: string) {
    this.name = name;
    this.id = `arn:aws:cloudformation:${region}:${account}:stack/${name}/${randomUUID()}`;
  }

  get isWorking(): boolean {
    return this.status.endsWith("_IN_PROGRESS") && this.status !== "REVIEW_IN_PROGRESS";
  }

  pseudo(): Readonly<Record<string, string>> {
    return {
      "AWS::Region": region,
      "AWS::AccountId": account,
      "AWS::Partition": "aws",
      "AWS::URLSuffix": "amazonaws.com",
      "AWS::StackName": this.name,
      "AWS::StackId": this.id,
    };
  }

  move(status: string, token: string | undefined, reason?: string): void {
    this.status = status;
    this.statusReason = reason;
    this.tell({ id: this.name, type: "AWS::CloudFormation::Stack", physicalId: this.id, status, reason }, token);
  }

  tell({ id, type, physicalId, status, reason }: Happening, token: string | undefined): void {
    this.events.unshift({
      EventId: `${id}-${status}-${randomUUID()}`,
      StackId: this.id,
      StackName: this.name,
      LogicalResourceId: id,
      PhysicalResourceId: physicalId,
      ResourceType: type,
      ResourceStatus: status,
      ...(reason !== undefined && { ResourceStatusReason: reason }),
      ...(token !== undefined && { ClientRequestToken: token }),
      Timestamp: new Date(),
    });
  }
}

export function changesBetween(stack: Stack, plan: Plan, replacements: Readonly<Record<string, Change["Replacement"]>>): readonly Change[] {
  const before = new Map((stack.plan?.resources ?? []).map((resource) => [resource.id, resource]));
  const after = new Map(plan.resources.map((resource) => [resource.id, resource]));
  const physicalOf = (id: string): Pick<Change, "PhysicalResourceId"> => ({ PhysicalResourceId: stack.physicalIds.get(id) ?? id });
  const added = plan.resources
    .filter(({ id }) => !before.has(id))
    .map(({ id, type }): Change => ({ Action: "Add", LogicalResourceId: id, ResourceType: type }));
  const modified = plan.resources
    .filter(({ id, content }) => before.has(id) && before.get(id)?.content !== content)
    .map(({ id, type }): Change => {
      const Replacement = replacements[id] ?? "False";
      return { Action: "Modify", LogicalResourceId: id, ResourceType: type, ...physicalOf(id), Replacement };
    });
  const removed = [...before.values()]
    .filter(({ id }) => !after.has(id))
    .toReversed()
    .map(({ id, type }): Change => ({ Action: "Remove", LogicalResourceId: id, ResourceType: type, ...physicalOf(id) }));
  return [...added, ...modified, ...removed];
}
