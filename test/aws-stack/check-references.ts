// Whether what is named is of the kind that is asked for: a subnet where a subnet belongs, an ARN where an ARN does.

import { type Json, type Resource, type Stack } from "./template.ts";

type Wanted = {
  readonly types: readonly string[];
  /** Attributes that will do; the empty one is what Ref gives. */
  readonly forms: readonly string[];
};

const wanted = (types: string, ...forms: readonly string[]): Wanted => ({
  types: types.split(" ").map((type) => `AWS::${type}`),
  forms: forms.length === 0 ? [""] : forms,
});

/** By the property's name, or by the resource's type and it. */
const references: Readonly<Record<string, Wanted>> = {
  VpcId: wanted("EC2::VPC"),
  SubnetId: wanted("EC2::Subnet"),
  Subnets: wanted("EC2::Subnet"),
  VPCZoneIdentifier: wanted("EC2::Subnet"),
  SecurityGroupIds: wanted("EC2::SecurityGroup", "", "GroupId"),
  SecurityGroups: wanted("EC2::SecurityGroup", "", "GroupId"),
  GroupSet: wanted("EC2::SecurityGroup", "", "GroupId"),
  SourceSecurityGroupId: wanted("EC2::SecurityGroup", "", "GroupId"),
  RouteTableId: wanted("EC2::RouteTable"),
  RouteTableIds: wanted("EC2::RouteTable"),
  InternetGatewayId: wanted("EC2::InternetGateway"),
  GatewayId: wanted("EC2::InternetGateway"),
  NatGatewayId: wanted("EC2::NatGateway"),
  AllocationId: wanted("EC2::EIP", "AllocationId"),
  AvailabilityZone: wanted("EC2::Subnet", "AvailabilityZone"),
  JobRoleArn: wanted("IAM::Role", "Arn"),
  ExecutionRoleArn: wanted("IAM::Role", "Arn"),
  InstanceRole: wanted("IAM::InstanceProfile", "Arn"),
  "IamInstanceProfile.Arn": wanted("IAM::InstanceProfile", "Arn"),
  Roles: wanted("IAM::Role"),
  RoleName: wanted("IAM::Role"),
  KMSMasterKeyID: wanted("KMS::Key", "", "Arn"),
  KmsKeyId: wanted("KMS::Key", "", "Arn"),
  Bucket: wanted("S3::Bucket"),
  LaunchTemplateId: wanted("EC2::LaunchTemplate"),
  "LaunchTemplate.Version": wanted("EC2::LaunchTemplate", "LatestVersionNumber"),
  ComputeEnvironment: wanted("Batch::ComputeEnvironment"),
  LoadBalancerArn: wanted("ElasticLoadBalancingV2::LoadBalancer"),
  TargetGroupArn: wanted("ElasticLoadBalancingV2::TargetGroup"),
  TargetGroupARNs: wanted("ElasticLoadBalancingV2::TargetGroup"),
  AlarmActions: wanted("SNS::Topic"),
  OKActions: wanted("SNS::Topic"),
  Handle: wanted("CloudFormation::WaitConditionHandle"),
  "awslogs-group": wanted("Logs::LogGroup"),
};

export function checkReferences(stack: Stack): readonly string[] {
  return [...stack.dangling, ...[...stack.resources.values()].flatMap((one) => aboutResource(one, stack))];
}

function aboutResource({ id, properties }: Resource, stack: Stack): readonly string[] {
  return [...valuesOf(properties, [])].flatMap(({ path, value }) => {
    const wants = references[path.slice(-2).join(".")] ?? references[path.at(-1) ?? ""];
    const [, other = "", attribute = ""] = /^«([^».]+)\.?([^»]*)»$/.exec(value) ?? [];
    if (wants === undefined || other === "") return [];
    const type = stack.resources.get(other)?.type ?? "nothing";
    if (!wants.types.includes(type)) return [`${id}: ${path.join(".")} is ${type} and not ${wants.types.join(" or ")}`];
    return wants.forms.includes(attribute) ? [] : [`${id}: ${path.join(".")} is «${other}» in the wrong form`];
  });
}

type Found = { readonly path: readonly string[]; readonly value: string };

function* valuesOf(value: Json, path: readonly string[]): Iterable<Found> {
  if (typeof value === "string") yield { path, value };
  else if (Array.isArray(value)) for (const one of value as readonly Json[]) yield* valuesOf(one, path);
  else if (typeof value === "object" && value !== null) {
    for (const [name, one] of Object.entries(value)) yield* valuesOf(one, [...path, name]);
  }
}
