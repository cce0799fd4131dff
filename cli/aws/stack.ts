// A stack in CloudFormation: what it is, what a template would change of it, and what happens to it.
//
// S1. Nothing is changed but by a change set that somebody has seen, or by the end of the stack.
// S2. A change set that comes to nothing is taken away, and so is a stack that was made for it alone.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type * as Sdk from "@aws-sdk/client-cloudformation";
import { CliError } from "../cli-error.ts";
import { asking } from "./aws-error.ts";

export type StackView = {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly reason: string | null;
  readonly outputs: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
};

export type Change = {
  readonly action: "Add" | "Modify" | "Remove" | "Import" | "Dynamic";
  readonly id: string;
  readonly type: string;
  /** The old one is taken away, perhaps. */
  readonly replaces: "no" | "yes" | "perhaps";
};

export type ChangeSet = { readonly id: string; readonly stackId: string; readonly isNew: boolean; readonly changes: readonly Change[] };

export type StackEvent = {
  readonly id: string;
  readonly atMs: number;
  readonly resource: string;
  readonly type: string;
  readonly status: string;
  readonly reason: string | null;
  /** Of the stack as a whole. */
  readonly isOfStack: boolean;
};

export type Wanted = { readonly template: string; readonly given: ReadonlyMap<string, string>; readonly names: readonly string[] };

/** A stack is asked so often, at first and later. */
const askMs = { first: 400, most: 3000 };
const final = /^(CREATE|UPDATE|DELETE|ROLLBACK|UPDATE_ROLLBACK|IMPORT|IMPORT_ROLLBACK)_(COMPLETE|FAILED)$/;

export function isWorking(status: string): boolean {
  return !final.test(status) && status !== "REVIEW_IN_PROGRESS";
}

export class Stacks {
  readonly #sdk: typeof Sdk;
  readonly #client: Sdk.CloudFormationClient;

  constructor(sdk: typeof Sdk, region: string | undefined) {
    this.#sdk = sdk;
    this.#client = new sdk.CloudFormationClient(region === undefined ? {} : { region });
  }

  static async open(region: string | undefined): Promise<Stacks> {
    return new Stacks(await import("@aws-sdk/client-cloudformation"), region);
  }

  close(): void {
    this.#client.destroy();
  }

  /** By its name, or by its id once it is gone. Null where there is none. */
  async find(name: string): Promise<StackView | null> {
    return asking(`the stack ${name} could not be looked at`, async () => {
      try {
        const { Stacks: found = [] } = await this.#client.send(new this.#sdk.DescribeStacksCommand({ StackName: name }));
        return found[0] === undefined ? null : viewOf(found[0]);
      } catch (error) {
        if (error instanceof Error && error.name === "ValidationError" && error.message.includes("does not exist")) return null;
        throw error;
      }
    });
  }

  /** Null where nothing would change. @throws CliError */
  async propose(name: string, stack: StackView | null, wanted: Wanted): Promise<ChangeSet | null> {
    const isNew = stack === null || stack.status === "REVIEW_IN_PROGRESS";
    return asking(`changes of the stack ${name} could not be worked out`, async () => {
      const { Id: id = "", StackId: stackId = "" } = await this.#client.send(
        new this.#sdk.CreateChangeSetCommand({
          StackName: name,
          ChangeSetName: `stepwell-${randomUUID()}`,
          ChangeSetType: isNew ? "CREATE" : "UPDATE",
          TemplateBody: wanted.template,
          Parameters: parametersFor(wanted, isNew ? null : stack),
          Capabilities: ["CAPABILITY_IAM"],
          Tags: [{ Key: "stepwell-stack", Value: name }],
        }),
      );
      const set = { id, stackId, isNew };
      const { Status: status, StatusReason: reason = "" } = await this.#proposed(id);
      if (status === "CREATE_COMPLETE") return { ...set, changes: await this.#changesOf(id) };
      await this.discard({ ...set, changes: [] });
      if (/didn't contain changes|no updates are to be performed/i.test(reason)) return null;
      throw new CliError("badValue", `CloudFormation refuses the changes of the stack ${name}: ${reason}`);
    });
  }

  async #proposed(id: string): Promise<Sdk.DescribeChangeSetCommandOutput> {
    for (let waitMs = askMs.first; ; waitMs = Math.min(askMs.most, waitMs * 2)) {
      const answer = await this.#client.send(new this.#sdk.DescribeChangeSetCommand({ ChangeSetName: id }));
      if (answer.Status === "CREATE_COMPLETE" || answer.Status === "FAILED") return answer;
      await sleep(waitMs);
    }
  }

  async #changesOf(id: string): Promise<readonly Change[]> {
    const changes: Change[] = [];
    let NextToken: string | undefined;
    do {
      const input = { ChangeSetName: id, ...(NextToken !== undefined && { NextToken }) };
      const page = await this.#client.send(new this.#sdk.DescribeChangeSetCommand(input));
      for (const { ResourceChange: change } of page.Changes ?? []) if (change !== undefined) changes.push(changeOf(change));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    return changes;
  }

  /** S2 */
  async discard({ id, stackId, isNew }: ChangeSet): Promise<void> {
    await asking("the change set could not be taken away", async () => {
      await this.#client.send(new this.#sdk.DeleteChangeSetCommand({ ChangeSetName: id }));
      if (isNew) await this.#client.send(new this.#sdk.DeleteStackCommand({ StackName: stackId }));
    });
  }

  /** Yields what happens, until the stack has come to rest. */
  async *apply({ id, stackId }: ChangeSet): AsyncIterable<StackEvent> {
    const before = await this.#newestEvent(stackId);
    await asking("the changes could not be made", () =>
      this.#client.send(new this.#sdk.ExecuteChangeSetCommand({ ChangeSetName: id, ClientRequestToken: randomUUID() })),
    );
    yield* this.#follow(stackId, before);
  }

  async *destroy(stackId: string): AsyncIterable<StackEvent> {
    const before = await this.#newestEvent(stackId);
    await asking("the stack could not be ended", () =>
      this.#client.send(new this.#sdk.DeleteStackCommand({ StackName: stackId, ClientRequestToken: randomUUID() })),
    );
    yield* this.#follow(stackId, before);
  }

  /** The template that the stack was made of. */
  async templateOf(stackId: string): Promise<string> {
    return asking("the stack's template could not be read", async () => {
      const input = { StackName: stackId, TemplateStage: "Original" as const };
      return (await this.#client.send(new this.#sdk.GetTemplateCommand(input))).TemplateBody ?? "";
    });
  }

  /** The newest ones first, at most one page of them. */
  async events(stackId: string): Promise<readonly StackEvent[]> {
    return asking("what happens to the stack could not be seen", async () => (await this.#eventsPage(stackId)).events);
  }

  async #newestEvent(stackId: string): Promise<string | null> {
    return (await this.events(stackId))[0]?.id ?? null;
  }

  async *#follow(stackId: string, after: string | null): AsyncIterable<StackEvent> {
    let seen = after;
    for (let waitMs = askMs.first; ; waitMs = Math.min(askMs.most, waitMs * 1.5)) {
      for (const event of await asking("what happens to the stack could not be seen", () => this.#eventsSince(stackId, seen))) {
        seen = event.id;
        yield event;
        if (event.isOfStack && final.test(event.status)) return;
      }
      await sleep(waitMs);
    }
  }

  /** The oldest ones first. */
  async #eventsSince(stackId: string, after: string | null): Promise<readonly StackEvent[]> {
    const found: StackEvent[] = [];
    let token: string | undefined;
    do {
      const { events, next } = await this.#eventsPage(stackId, token);
      for (const event of events) {
        if (event.id === after) return found.toReversed();
        found.push(event);
      }
      token = next;
    } while (token !== undefined);
    return found.toReversed();
  }

  async #eventsPage(
    stackId: string,
    token?: string,
  ): Promise<{ readonly events: readonly StackEvent[]; readonly next: string | undefined }> {
    const input = { StackName: stackId, ...(token !== undefined && { NextToken: token }) };
    const { StackEvents = [], NextToken: next } = await this.#client.send(new this.#sdk.DescribeStackEventsCommand(input));
    return { events: StackEvents.map((event) => eventOf(event, stackId)), next };
  }
}

/** A parameter that is not given stays as it is; one that the stack has not had yet gets its default. */
function parametersFor({ given, names }: Wanted, stack: StackView | null): Sdk.Parameter[] {
  const kept = Object.keys(stack?.parameters ?? {}).filter((name) => names.includes(name) && !given.has(name));
  return [
    ...[...given].map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue })),
    ...kept.map((ParameterKey) => ({ ParameterKey, UsePreviousValue: true })),
  ];
}

function viewOf({ StackId = "", StackName = "", StackStatus, StackStatusReason, Outputs = [], Parameters = [] }: Sdk.Stack): StackView {
  return {
    id: StackId,
    name: StackName,
    status: StackStatus ?? "",
    reason: StackStatusReason ?? null,
    outputs: Object.fromEntries(Outputs.map(({ OutputKey = "", OutputValue = "" }) => [OutputKey, OutputValue])),
    parameters: Object.fromEntries(Parameters.map(({ ParameterKey = "", ParameterValue = "" }) => [ParameterKey, ParameterValue])),
  };
}

function changeOf({ Action = "Modify", LogicalResourceId: id = "", ResourceType: type = "", Replacement }: Sdk.ResourceChange): Change {
  const action = Action === "Add" || Action === "Remove" || Action === "Import" || Action === "Dynamic" ? Action : "Modify";
  return { action, id, type, replaces: Replacement === "True" ? "yes" : Replacement === "Conditional" ? "perhaps" : "no" };
}

function eventOf(event: Sdk.StackEvent, stackId: string): StackEvent {
  return {
    id: event.EventId ?? "",
    atMs: event.Timestamp?.getTime() ?? 0,
    resource: event.LogicalResourceId ?? "",
    type: event.ResourceType ?? "",
    status: event.ResourceStatus ?? "",
    reason: event.ResourceStatusReason ?? null,
    isOfStack: event.ResourceType === "AWS::CloudFormation::Stack" && event.PhysicalResourceId === stackId,
  };
}
