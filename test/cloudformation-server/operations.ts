// What CloudFormation can be asked for.

import { randomUUID } from "node:crypto";
import { Refusal } from "../aws/refusal.ts";
import { Execution, type ExecutionOptions } from "./execution.ts";
import { formsIn, textIn, textsIn, type Form, type Xml } from "./query.ts";
import { account, changesBetween, region, Stack, type Change, type ChangeSet, type Plan } from "./stack.ts";
import { capabilitiesOf, parametersOf, parseTemplate, resourcesOf, type Template } from "./template.ts";

export type World = {
  readonly stacks: Stack[];
  readonly execution: ExecutionOptions;
  /** What is replaced when it changes, by id. */
  readonly replacements: Readonly<Record<string, Change["Replacement"]>>;
  /** How long a change set is worked out. */
  readonly after: (action: () => void) => void;
};

/** Less than with Amazon, so that clients must turn pages. */
const pageSize = 50;

export const operations: Readonly<Record<string, (world: World, form: Form) => Xml>> = {
  CreateChangeSet: createChangeSet,
  DescribeChangeSet: describeChangeSet,
  ExecuteChangeSet: executeChangeSet,
  DeleteChangeSet: (world, form) => {
    const set = changeSetOf(world, form);
    set.stack.changeSets.delete(set.name);
    return {};
  },
  DescribeStacks: describeStacks,
  DescribeStackEvents: (world, form) => {
    const { events } = stackOf(world, form);
    const { items, NextToken } = page(events, form);
    return { StackEvents: items, NextToken };
  },
  DeleteStack: deleteStack,
  GetTemplate: (world, form) => {
    const { plan } = stackOf(world, form);
    if (plan === null) throw invalid("No template is there yet");
    return { TemplateBody: plan.template.text, StagesAvailable: ["Original", "Processed"] };
  },
  GetTemplateSummary: (world, form) => {
    const template = templateIn(world, form);
    const ResourceTypes = [...new Set(Object.values(template.Resources).map(({ Type }) => Type))];
    const Parameters = Object.entries(template.Parameters).map(([ParameterKey, { Type, Default, Description, NoEcho = false }]) => ({
      ParameterKey,
      ParameterType: Type,
      DefaultValue: Default === undefined ? undefined : String(Default),
      Description,
      NoEcho,
    }));
    return { Description: template.Description, Parameters, Capabilities: capabilitiesOf(template), ResourceTypes };
  },
  ValidateTemplate: (world, form) => {
    const template = templateIn(world, form);
    const Parameters = Object.entries(template.Parameters).map(([ParameterKey, { Default, Description, NoEcho = false }]) => ({
      ParameterKey,
      DefaultValue: Default === undefined ? undefined : String(Default),
      Description,
      NoEcho,
    }));
    return { Description: template.Description, Parameters, Capabilities: capabilitiesOf(template) };
  },
};

function createChangeSet(world: World, form: Form): Xml {
  const [stackName = "", name = ""] = [textIn(form, "StackName"), textIn(form, "ChangeSetName")];
  if (!/^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(name)) throw invalid(`Value '${name}' at 'changeSetName' failed to satisfy constraint`);
  const known = find(world, stackName);
  const isNew = textIn(form, "ChangeSetType") === "CREATE";
  if (isNew && known !== undefined && known.status !== "REVIEW_IN_PROGRESS") {
    throw invalid(`Stack [${stackName}] already exists and cannot be created again with the changeSet [${name}].`);
  }
  if (!isNew && known === undefined) throw invalid(`Stack [${stackName}] does not exist`);
  if (!isNew && known !== undefined) checkUpdatable(known);
  if (known === undefined && !/^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(stackName)) throw invalid(`stackName ${stackName} is not valid`);
  const stack = known ?? new Stack(stackName);
  const template = textIn(form, "UsePreviousTemplate") === "true" && stack.plan !== null ? stack.plan.template : templateIn(world, form);
  const needed = capabilitiesOf(template);
  const given = textsIn(form, "Capabilities");
  if (needed.some((one) => !given.includes(one) && !given.includes("CAPABILITY_NAMED_IAM"))) {
    throw new Refusal(400, "InsufficientCapabilitiesException", `Requires capabilities : [${needed.join(", ")}]`);
  }
  const parameters = parametersOf(template, parametersIn(form, stack));
  const plan: Plan = { template, parameters, resources: resourcesOf(template, parameters, stack.pseudo()) };
  if (stack.changeSets.has(name)) throw new Refusal(400, "AlreadyExistsException", `ChangeSet ${name} already exists`);
  const set: ChangeSet = {
    id: `arn:aws:cloudformation:${region}:${account}:changeSet/${name}/${randomUUID()}`,
    name,
    stack,
    plan,
    changes: changesBetween(stack, plan, world.replacements),
    tags: new Map(formsIn(form, "Tags").map((tag) => [textIn(tag, "Key") ?? "", textIn(tag, "Value") ?? ""])),
    status: "CREATE_PENDING",
    statusReason: undefined,
    executionStatus: "UNAVAILABLE",
  };
  if (known === undefined) {
    world.stacks.push(stack);
    stack.move("REVIEW_IN_PROGRESS", undefined, "User Initiated");
  }
  stack.changeSets.set(name, set);
  world.after(() => settle(set));
  return { Id: set.id, StackId: stack.id };
}

function settle(set: ChangeSet): void {
  const isEmpty = set.changes.length === 0;
  set.status = isEmpty ? "FAILED" : "CREATE_COMPLETE";
  set.executionStatus = isEmpty ? "UNAVAILABLE" : "AVAILABLE";
  if (isEmpty) set.statusReason = "The submitted information didn't contain changes. Submit different information to create a change set.";
}

function describeChangeSet(world: World, form: Form): Xml {
  const set = changeSetOf(world, form);
  const { items, NextToken } = page(set.changes, form);
  return {
    ChangeSetName: set.name,
    ChangeSetId: set.id,
    StackId: set.stack.id,
    StackName: set.stack.name,
    Status: set.status,
    StatusReason: set.statusReason,
    ExecutionStatus: set.executionStatus,
    Parameters: parametersShown(set.plan.parameters, set.plan.template),
    Changes: set.status === "CREATE_PENDING" ? [] : items.map((change) => ({ Type: "Resource", ResourceChange: { ...change } })),
    NextToken,
  };
}

function executeChangeSet(world: World, form: Form): Xml {
  const set = changeSetOf(world, form);
  if (set.executionStatus !== "AVAILABLE") {
    throw new Refusal(
      400,
      "InvalidChangeSetStatus",
      `ChangeSet [${set.id}] cannot be executed in its current execution status of [${set.executionStatus}]`,
    );
  }
  if (set.stack.isWorking) throw invalid(`Stack:${set.stack.id} is in ${set.stack.status} state and can not be updated.`);
  for (const other of set.stack.changeSets.values()) other.executionStatus = "OBSOLETE";
  set.stack.changeSets.clear();
  set.executionStatus = "EXECUTE_COMPLETE";
  goOn(world, executionOf(world, set.stack, form).apply(set));
  return {};
}

function deleteStack(world: World, form: Form): Xml {
  const stack = find(world, textIn(form, "StackName") ?? "");
  // To end what there is not is no mistake.
  if (stack === undefined || stack.status === "DELETE_COMPLETE" || stack.status === "DELETE_IN_PROGRESS") return {};
  if (stack.isWorking && stack.status.startsWith("UPDATE"))
    throw invalid(`Stack [${stack.name}] cannot be deleted while in status ${stack.status}`);
  if (stack.status === "REVIEW_IN_PROGRESS") stack.move("DELETE_COMPLETE", textIn(form, "ClientRequestToken"));
  else goOn(world, executionOf(world, stack, form).end());
  return {};
}

function executionOf(world: World, stack: Stack, form: Form): Execution {
  return new Execution(stack, world.execution, textIn(form, "ClientRequestToken"));
}

/** When the server closes, nothing goes on. */
function goOn(world: World, work: Promise<void>): void {
  work.catch((error: unknown) => {
    if (!world.execution.signal.aborted) throw error;
  });
}

function describeStacks(world: World, form: Form): Xml {
  const isAsked = textIn(form, "StackName") !== undefined;
  const stacks = isAsked ? [stackOf(world, form)] : world.stacks.filter(({ status }) => status !== "DELETE_COMPLETE");
  const { items, NextToken } = page(stacks, form);
  const shown = items.map((stack) => ({
    StackId: stack.id,
    StackName: stack.name,
    StackStatus: stack.status,
    StackStatusReason: stack.statusReason,
    CreationTime: stack.createdAt,
    LastUpdatedTime: stack.updatedAt,
    Parameters: stack.plan === null ? [] : parametersShown(stack.plan.parameters, stack.plan.template),
    Outputs: stack.outputs as Xml,
    Tags: [...stack.tags].map(([Key, Value]) => ({ Key, Value })),
    Capabilities: stack.plan === null ? [] : capabilitiesOf(stack.plan.template),
  }));
  return { Stacks: shown, NextToken };
}

function parametersShown(parameters: ReadonlyMap<string, string>, template: Template): Xml {
  return [...parameters].map(([ParameterKey, value]) => ({
    ParameterKey,
    ParameterValue: template.Parameters[ParameterKey]?.NoEcho === true ? "****" : value,
  }));
}

function parametersIn(form: Form, stack: Stack): ReadonlyMap<string, string> {
  return new Map(
    formsIn(form, "Parameters").map((parameter) => {
      const name = textIn(parameter, "ParameterKey") ?? "";
      if (textIn(parameter, "UsePreviousValue") !== "true") return [name, textIn(parameter, "ParameterValue") ?? ""] as const;
      const value = stack.plan?.parameters.get(name);
      if (value === undefined)
        throw invalid(
          `Invalid input for parameter key ${name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template`,
        );
      return [name, value] as const;
    }),
  );
}

function templateIn(world: World, form: Form): Template {
  const body = textIn(form, "TemplateBody");
  if (body !== undefined) return parseTemplate(body);
  const { plan } = stackOf(world, form);
  if (plan === null) throw invalid("Either Template URL or Template Body must be specified.");
  return plan.template;
}

function checkUpdatable({ id, status, isWorking }: Stack): void {
  if (isWorking || status === "ROLLBACK_COMPLETE" || status === "DELETE_FAILED" || status === "REVIEW_IN_PROGRESS") {
    throw invalid(`Stack:${id} is in ${status} state and can not be updated.`);
  }
}

/** By its name while it is there; by its id also afterwards. */
function find(world: World, name: string): Stack | undefined {
  return world.stacks.find((stack) => stack.id === name || (stack.name === name && stack.status !== "DELETE_COMPLETE"));
}

function stackOf(world: World, form: Form): Stack {
  const name = textIn(form, "StackName") ?? "";
  const stack = find(world, name);
  if (stack === undefined) throw invalid(`Stack with id ${name} does not exist`);
  return stack;
}

function changeSetOf(world: World, form: Form): ChangeSet {
  const name = textIn(form, "ChangeSetName") ?? "";
  const stackName = textIn(form, "StackName");
  if (stackName === undefined && !name.startsWith("arn:"))
    throw invalid("StackName must be specified if ChangeSetName is not specified as an ARN.");
  const stacks = stackName === undefined ? world.stacks : [stackOf(world, form)];
  const sets = stacks.flatMap(({ changeSets }) => [...changeSets.values()]);
  const found = sets.find((set) => set.id === name || (stackName !== undefined && set.name === name));
  if (found === undefined) throw new Refusal(404, "ChangeSetNotFound", `ChangeSet [${name}] does not exist`);
  return found;
}

function page<Item>(all: readonly Item[], form: Form): { readonly items: readonly Item[]; readonly NextToken: string | undefined } {
  const from = Number(textIn(form, "NextToken") ?? 0);
  const next = from + pageSize;
  return { items: all.slice(from, next), NextToken: next < all.length ? String(next) : undefined };
}

function invalid(message: string): Refusal {
  return new Refusal(400, "ValidationError", message);
}
