// What must not be lost, changed or read by others: bucket, volume, key, secret, logs.

import { listAt, resourcesOf, textAt, textsAt, valueAt, type Json, type Resource, type Stack } from "./template.ts";

/** They outlive the stack. */
const keptTypes = ["AWS::S3::Bucket", "AWS::EC2::Volume", "AWS::KMS::Key"];

export function checkData(stack: Stack): readonly string[] {
  return [
    ...resourcesOf(stack, ...keptTypes).flatMap(aboutKept),
    ...resourcesOf(stack, "AWS::S3::Bucket").flatMap((bucket) => aboutBucket(bucket, stack)),
    ...resourcesOf(stack, "AWS::EC2::Volume").flatMap((volume) => aboutVolume(volume, stack)),
    ...resourcesOf(stack, "AWS::KMS::Key").flatMap(({ id, properties }) =>
      properties["EnableKeyRotation"] === true ? [] : [`${id}: is never renewed`],
    ),
    ...resourcesOf(stack, "AWS::SecretsManager::Secret").flatMap(({ id, properties }) => [
      ...(textAt(properties, "SecretString") === "" ? [] : [`${id}: is written in the template`]),
      ...(textAt(properties, "KmsKeyId") === "" ? [`${id}: has not the stack's key`] : []),
    ]),
    ...resourcesOf(stack, "AWS::Logs::LogGroup").flatMap(({ id, properties }) =>
      textAt(properties, "RetentionInDays") === stack.parameters["LogDays"] ? [] : [`${id}: is kept for another time than LogDays`],
    ),
    ...aboutOutputs(stack),
  ];
}

function aboutKept({ id, attributes }: Resource): readonly string[] {
  // What was made for nothing goes, where a stack comes to nothing.
  const wanted = { DeletionPolicy: "RetainExceptOnCreate", UpdateReplacePolicy: "Retain" };
  const policies = Object.entries(wanted).flatMap(([name, policy]) => (attributes[name] === policy ? [] : [name]));
  const isMarked = textAt(attributes["Metadata"], "Data") === "kept";
  return [...policies.map((name) => `${id}: ${name} does not keep it`), ...(isMarked ? [] : [`${id}: is not marked as kept`])];
}

const closings = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];

function aboutBucket({ id, properties }: Resource, stack: Stack): readonly string[] {
  const found: string[] = [];
  const say = (wrong: boolean, what: string): unknown => wrong && found.push(`${id}: ${what}`);
  for (const name of closings) say(valueAt(properties, "PublicAccessBlockConfiguration", name) !== true, `has not ${name}`);
  const encryption = listAt(properties, "BucketEncryption", "ServerSideEncryptionConfiguration")[0];
  say(textAt(encryption, "ServerSideEncryptionByDefault", "SSEAlgorithm") !== "aws:kms", "is not encrypted with a key of its own");
  say(valueAt(encryption, "BucketKeyEnabled") !== true, "asks KMS for each object");
  say(textAt(listAt(properties, "OwnershipControls", "Rules")[0], "ObjectOwnership") !== "BucketOwnerEnforced", "has ACLs");
  const rules = listAt(properties, "LifecycleConfiguration", "Rules");
  say(
    rules.some((rule) => valueAt(rule, "ExpirationInDays") !== undefined),
    "lets artifacts expire that runs still name",
  );
  say(!rules.some((rule) => valueAt(rule, "AbortIncompleteMultipartUpload") !== undefined), "keeps uploads that broke off");
  const policies = resourcesOf(stack, "AWS::S3::BucketPolicy").filter((one) => textAt(one.properties, "Bucket") === `«${id}»`);
  const statements = policies.flatMap((one) => listAt(one.properties, "PolicyDocument", "Statement"));
  const arn = `«${id}.Arn»`;
  const everything = [arn, `${arn}/*`];
  say(!statements.some((one) => denies(one, everything, ["Bool", "aws:SecureTransport", "false"])), "can be read without TLS");
  say(!statements.some((one) => denies(one, everything, ["NumericLessThan", "s3:TlsVersion", "1.2"])), "can be read with an old TLS");
  say(!statements.some((one) => isWriteOnce(one, `${arn}/cas/*`)), "lets a blob be overwritten");
  return found;
}

function denies(statement: Json, resources: readonly string[], [operator, key, value]: readonly [string, string, string]): boolean {
  return (
    textAt(statement, "Effect") === "Deny" &&
    textAt(statement, "Principal") === "*" &&
    textAt(statement, "Action") === "s3:*" &&
    resources.every((one) => listAt(statement, "Resource").includes(one)) &&
    textAt(statement, "Condition", operator, key) === value
  );
}

/** Uploads in parts name no condition with each part. */
function isWriteOnce(statement: Json, resource: string): boolean {
  return (
    textAt(statement, "Effect") === "Deny" &&
    textAt(statement, "Principal") === "*" &&
    listAt(statement, "Action").includes("s3:PutObject") &&
    listAt(statement, "Resource").includes(resource) &&
    textAt(statement, "Condition", "Null", "s3:if-none-match") === "true" &&
    textAt(statement, "Condition", "Bool", "s3:ObjectCreationOperation") === "true"
  );
}

function aboutVolume({ id, properties }: Resource, stack: Stack): readonly string[] {
  const found: string[] = [];
  const say = (wrong: boolean, what: string): unknown => wrong && found.push(`${id}: ${what}`);
  say(properties["Encrypted"] !== true, "is not encrypted");
  say(properties["VolumeType"] !== "gp3", "is no gp3 volume");
  const [group] = resourcesOf(stack, "AWS::AutoScaling::AutoScalingGroup");
  const zones = textsAt(group?.properties, "VPCZoneIdentifier").map((one) => one.replace("»", ".AvailabilityZone»"));
  say(zones.length !== 1 || zones[0] !== properties["AvailabilityZone"], "is in another zone than its machine");
  const tags = listAt(properties, "Tags").map((one) => `${textAt(one, "Key")}=${textAt(one, "Value")}`);
  const saved = resourcesOf(stack, "AWS::DLM::LifecyclePolicy").flatMap((one) => listAt(one.properties, "PolicyDetails", "TargetTags"));
  say(!saved.some((one) => tags.includes(`${textAt(one, "Key")}=${textAt(one, "Value")}`)), "has no snapshots");
  return found;
}

function aboutOutputs({ outputs }: Stack): readonly string[] {
  return Object.entries(outputs)
    .filter(([name, value]) => /password|token|key/i.test(name) && name !== "TokenSecret" && value !== "")
    .map(([name]) => `the output ${name} shows a secret`);
}
