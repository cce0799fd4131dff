// The coordinator's machine: that its script can run, and that it is replaced in an orderly way; and the alarms around it.

import { spawnSync } from "node:child_process";
import { settingNames } from "../../cli/setting-table.ts";
import { variableOf } from "../../cli/settings.ts";
import { listAt, objectAt, resourcesOf, textAt, type Resource, type Stack } from "./template.ts";

export function checkMachine(stack: Stack): readonly string[] {
  return [
    ...resourcesOf(stack, "AWS::EC2::LaunchTemplate").flatMap((one) => aboutTemplate(one, stack)),
    ...resourcesOf(stack, "AWS::AutoScaling::AutoScalingGroup").flatMap((one) => aboutGroup(one)),
    ...resourcesOf(stack, "AWS::CloudWatch::Alarm").flatMap(aboutAlarm),
  ];
}

const hops: Readonly<Record<string, number>> = { CoordinatorTemplate: 1, InstanceTemplate: 2 };
const scriptBytesMax = 16 * 1024;

function aboutTemplate({ id, properties }: Resource, stack: Stack): readonly string[] {
  const found: string[] = [];
  const data = objectAt(properties, "LaunchTemplateData");
  if (textAt(data, "MetadataOptions", "HttpTokens") !== "required") found.push(`${id}: metadata without a session`);
  if (Number(textAt(data, "MetadataOptions", "HttpPutResponseHopLimit")) !== hops[id]) found.push(`${id}: metadata from further away`);
  if (textAt(data, "KeyName") !== "") found.push(`${id}: has a key for ssh`);
  for (const disk of listAt(data, "BlockDeviceMappings")) {
    if (objectAt(disk, "Ebs")["Encrypted"] !== true) found.push(`${id}: has a disk that is not encrypted`);
  }
  const script = textAt(data, "UserData");
  return script === "" ? found : [...found, ...aboutScript(id, script, stack)];
}

function aboutScript(id: string, script: string, stack: Stack): readonly string[] {
  const found: string[] = [];
  if (Buffer.byteLength(script) > scriptBytesMax) found.push(`${id}: its script is too long`);
  found.push(...syntaxOf(script).map((line) => `${id}: ${line}`));
  const known = new Set(settingNames.map(variableOf));
  for (const [name] of script.matchAll(/\bSTEPWELL_[A-Z0-9_]+/g)) if (!known.has(name)) found.push(`${id}: there is no setting ${name}`);
  found.push(...aboutSettings(id, script, stack));
  const [, agent = ""] = /<<'AGENT'\n(.*?)\nAGENT\n/s.exec(script) ?? [];
  if (!isJson(agent)) found.push(`${id}: the settings of the CloudWatch agent are no JSON`);
  const [, signalled = ""] = /cfn-signal .*--resource (\w+)/.exec(script) ?? [];
  if (stack.resources.get(signalled)?.type !== "AWS::AutoScaling::AutoScalingGroup")
    found.push(`${id}: tells ${signalled} that it is ready`);
  const hasQueue = script.includes(`if [ '${stack.parameters["TaskQueue"]}' = nats ]`);
  if (!hasQueue) found.push(`${id}: does not look whether NATS is wanted`);
  const order = [
    "attach-volume",
    "mkfs.xfs",
    "mount /srv/stepwell\n",
    "systemctl enable --now stepwell-coordinator",
    "/healthz",
    "«Ready»",
  ];
  const places = order.map((part) => script.indexOf(part));
  if (places.some((place, index) => place < 0 || place < (places[index - 1] ?? 0))) found.push(`${id}: does things in the wrong order`);
  return found;
}

/** The setting for each queue of the stack. */
const queueSettings: Readonly<Record<string, string>> = {
  STEPWELL_BATCH_QUEUE: "FargateQueue",
  STEPWELL_BATCH_ON_DEMAND_QUEUE: "FargateOnDemandQueue",
  STEPWELL_BATCH_EC2_QUEUE: "Ec2Queue",
  STEPWELL_BATCH_EC2_ON_DEMAND_QUEUE: "Ec2OnDemandQueue",
  STEPWELL_BATCH_GPU_QUEUE: "GpuQueue",
  STEPWELL_BATCH_GPU_ON_DEMAND_QUEUE: "GpuOnDemandQueue",
};

/** What the coordinator is told of the stack that it is in. */
function aboutSettings(id: string, script: string, stack: Stack): readonly string[] {
  const [, text = ""] = /<<'SETTINGS'\n(.*?)\nSETTINGS\n/s.exec(script) ?? [];
  const settings = new Map(text.split("\n").map((line) => [line.replace(/=.*/, ""), line.replace(/^[^=]*=/, "")]));
  const queues = Object.entries(queueSettings).map(([name, queue]) => [name, stack.resources.has(queue) ? `«${queue}»` : ""] as const);
  const wanted = new Map<string, string>([
    ...queues,
    ["STEPWELL_LAUNCHER", "batch"],
    ["STEPWELL_ADVERTISE", "«Interface.PrimaryPrivateIpAddress»:7420"],
    ["STEPWELL_BATCH_JOB_ROLE", "«JobRole.Arn»"],
    ["STEPWELL_BATCH_EXECUTION_ROLE", "«ExecutionRole.Arn»"],
    ["STEPWELL_BATCH_LOG_GROUP", "«WorkerLogs»"],
    ["STEPWELL_BATCH_PUBLIC_IP", stack.parameters["WorkerSubnets"] === "private" ? "off" : "on"],
    ["STEPWELL_STORE_ACCESS", stack.parameters["StoreAccess"] ?? ""],
  ]);
  const names = (settings.get("STEPWELL_TLS_NAMES") ?? "").split(",");
  const reached = ["«Interface.PrimaryPrivateIpAddress»", ...(stack.resources.has("Balancer") ? ["«Balancer.DNSName»"] : [])];
  return [
    ...[...wanted].flatMap(([name, value]) => (settings.get(name) === value ? [] : [`${id}: ${name} is not "${value}"`])),
    ...reached.filter((name) => !names.includes(name)).map((name) => `${id}: the coordinator has no certificate for ${name}`),
  ];
}

const checked = new Map<string, readonly string[]>();

/** What bash says of it. */
function syntaxOf(script: string): readonly string[] {
  const known = checked.get(script);
  if (known !== undefined) return known;
  const { stderr } = spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
  const lines = stderr.split("\n").filter((line) => line !== "");
  checked.set(script, lines);
  return lines;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function aboutGroup({ id, properties, attributes }: Resource): readonly string[] {
  const found: string[] = [];
  if (textAt(properties, "MaxSize") !== "1" || textAt(properties, "DesiredCapacity") !== "1")
    found.push(`${id}: has other than one machine`);
  const rolling = objectAt(attributes["UpdatePolicy"], "AutoScalingRollingUpdate");
  if (textAt(rolling, "MinInstancesInService") !== "0") found.push(`${id}: starts a machine while the old one has the volume`);
  if (rolling["WaitOnResourceSignals"] !== true) found.push(`${id}: does not wait for a new machine`);
  if (textAt(attributes["CreationPolicy"], "ResourceSignal", "Count") !== "1") found.push(`${id}: does not wait for its machine`);
  if (!listAt(attributes["DependsOn"]).includes("PublicRoute")) found.push(`${id}: starts before there is a way out`);
  return found;
}

/** The dimensions that a metric has: with others, an alarm sees nothing for ever. */
const metrics: Readonly<Record<string, readonly string[]>> = {
  "AWS/NetworkELB HealthyHostCount": ["LoadBalancer", "TargetGroup"],
  "AWS/AutoScaling GroupInServiceInstances": ["AutoScalingGroupName"],
  "Stepwell disk_used_percent": ["Stack"],
};

function aboutAlarm({ id, properties }: Resource): readonly string[] {
  const found: string[] = [];
  const name = `${textAt(properties, "Namespace")} ${textAt(properties, "MetricName")}`;
  const dimensions = listAt(properties, "Dimensions");
  const names = dimensions.map((one) => textAt(one, "Name")).toSorted();
  if (String(metrics[name]) !== String(names)) found.push(`${id}: ${name} has no ${names.join(", ")}`);
  for (const one of dimensions) {
    const [wanted, value] = [`${textAt(one, "Name")}FullName»`, textAt(one, "Value")];
    if (name.startsWith("AWS/NetworkELB") && !value.endsWith(`.${wanted}`)) found.push(`${id}: ${value} is no full name`);
  }
  if (listAt(properties, "AlarmActions").length === 0) found.push(`${id}: tells nobody`);
  const isLow = name.endsWith("percent");
  const comparison = textAt(properties, "ComparisonOperator");
  if (comparison !== (isLow ? "GreaterThanThreshold" : "LessThanThreshold")) found.push(`${id}: rings when all is well`);
  if (!isLow && textAt(properties, "TreatMissingData") !== "breaching") found.push(`${id}: takes silence for health`);
  return found;
}
