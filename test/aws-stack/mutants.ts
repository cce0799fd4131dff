// Mistakes that somebody could make in the template, each as a change of its text.

export type Mutant = { readonly name: string; readonly from: string | RegExp; readonly to: string };

const mutant = (name: string, from: string | RegExp, to: string): Mutant => ({ name, from, to });

export const mutants: readonly Mutant[] = [
  // Access
  mutant(
    "an action that does not exist",
    '"s3:GetObject", "s3:PutObject", "s3:DeleteObject"',
    '"s3:GetObjct", "s3:PutObject", "s3:DeleteObject"',
  ),
  mutant("a service that does not exist", '"batch:TerminateJob"', '"bach:TerminateJob"'),
  mutant(
    "an action with resources that it knows nothing of",
    'Action: "s3:ListBucket"\n                Resource: !Sub\n                  - "arn:${AWS::Partition}:s3:::${Name}"',
    'Action: "s3:ListBucket"\n                Resource: !Sub\n                  - "arn:${AWS::Partition}:s3:::${Name}/*"',
  ),
  mutant("a condition that no action knows", '"iam:PassedToService": ecs-tasks', '"iam:PassedTo": ecs-tasks'),
  mutant(
    "a managed policy that does not exist",
    "policy/service-role/AmazonEC2ContainerServiceforEC2Role",
    "policy/AmazonEC2ContainerServiceforEC2Role",
  ),
  mutant("any role may be passed", "Resource: [!GetAtt JobRole.Arn, !GetAtt ExecutionRole.Arn]", 'Resource: "*"'),
  mutant(
    "a role by its name where an ARN belongs",
    "Resource: [!GetAtt JobRole.Arn, !GetAtt ExecutionRole.Arn]",
    "Resource: [!Ref JobRole, !GetAtt ExecutionRole.Arn]",
  ),
  mutant("everything of a service", 'Action: "batch:SubmitJob"', 'Action: "batch:*"'),
  mutant("a describing call that is limited to resources", /(- "batch:ListJobs"\n\s+)Resource: "\*"/, "$1Resource: !Ref FargateQueue"),
  mutant(
    "code of steps deletes artifacts",
    'Action: ["s3:GetObject", "s3:PutObject"]',
    'Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]',
  ),
  mutant(
    "code of steps always has rights",
    "  JobStorePolicy:\n    Type: AWS::IAM::RolePolicy\n    Condition: HasStoreRole\n",
    "  JobStorePolicy:\n    Type: AWS::IAM::RolePolicy\n",
  ),
  mutant(
    "a role that another service takes",
    "Principal: { Service: ecs-tasks.amazonaws.com }",
    "Principal: { Service: batch.amazonaws.com }",
  ),
  mutant(
    "a role that can be taken on behalf of another account",
    /(Service: ecs-tasks\.amazonaws\.com \}\n\s+Action: "sts:AssumeRole"\n)\s+Condition: .*\n/,
    "$1",
  ),
  mutant(
    "machines attach any volume",
    '"aws:ResourceTag/stepwell-stack": !Ref "AWS::StackName" } }',
    '"aws:ResourceTag/Name": !Ref "AWS::StackName" } }',
  ),
  mutant(
    "an effect that is misspelt",
    'Effect: Allow\n                Action: "batch:SubmitJob"',
    'Effect: Alow\n                Action: "batch:SubmitJob"',
  ),
  mutant(
    "a policy without statements",
    '          - Effect: Allow\n            Action: "iam:PassRole"',
    '          - Effect: Allow\n            Actions: "iam:PassRole"',
  ),
  // Batch
  mutant("a time-out below a minute", "AttemptDurationSeconds: 300", "AttemptDurationSeconds: 30"),
  mutant("eleven attempts", "Attempts: 1 }", "Attempts: 11 }"),
  mutant("memory that Fargate has not for this cpu", 'Type: MEMORY, Value: "512"', 'Type: MEMORY, Value: "4096"'),
  mutant("a cpu that Fargate has not", 'Type: VCPU, Value: "0.25"', 'Type: VCPU, Value: "3"'),
  mutant("Fargate without an execution role", "        ExecutionRoleArn: !GetAtt ExecutionRole.Arn\n", ""),
  mutant("Fargate with instance types", "        Type: FARGATE_SPOT\n", "        Type: FARGATE_SPOT\n        InstanceTypes: [m5]\n"),
  mutant("Fargate with a least number of vCPUs", "        Type: FARGATE\n", "        Type: FARGATE\n        MinvCpus: 0\n"),
  mutant(
    "a queue that mixes Fargate and instances",
    "- { Order: 2, ComputeEnvironment: !Ref FargateOnDemand }",
    "- { Order: 2, ComputeEnvironment: !Ref Ec2OnDemand }",
  ),
  mutant(
    "spot machines behind those on demand",
    "- { Order: 1, ComputeEnvironment: !Ref Ec2Spot }\n        - { Order: 2, ComputeEnvironment: !Ref Ec2OnDemand }",
    "- { Order: 2, ComputeEnvironment: !Ref Ec2Spot }\n        - { Order: 1, ComputeEnvironment: !Ref Ec2OnDemand }",
  ),
  mutant(
    "the last try on spot machines",
    "[{ Order: 1, ComputeEnvironment: !Ref FargateOnDemand }]",
    "[{ Order: 1, ComputeEnvironment: !Ref FargateSpot }]",
  ),
  mutant(
    "two environments in one place",
    "- { Order: 2, ComputeEnvironment: !Ref GpuOnDemand }",
    "- { Order: 1, ComputeEnvironment: !Ref GpuOnDemand }",
  ),
  mutant("a reason that no job waits for", '"MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"', '"MISCONFIGURATION:JOB_RESOURCES"'),
  mutant("jobs cancelled after five minutes", "MaxTimeSeconds: 600", "MaxTimeSeconds: 300"),
  mutant("instances that are kept", "MinvCpus: 0", "MinvCpus: 4"),
  mutant("an environment that is replaced", "ReplaceComputeEnvironment: false", "ReplaceComputeEnvironment: true"),
  mutant(
    "an environment with a name",
    "    Properties:\n      Type: MANAGED\n",
    "    Properties:\n      ComputeEnvironmentName: stepwell\n      Type: MANAGED\n",
  ),
  mutant("GPUs without their image", "ImageType: ECS_AL2023_NVIDIA", "ImageType: ECS_AL2023"),
  mutant("a strategy that cannot be changed in place", "AllocationStrategy: BEST_FIT_PROGRESSIVE", "AllocationStrategy: BEST_FIT"),
  mutant("a role where its profile belongs", "InstanceRole: !GetAtt InstanceProfile.Arn", "InstanceRole: !GetAtt InstanceRole.Arn"),
  mutant("a role by its name in a definition", "JobRoleArn: !GetAtt JobRole.Arn", "JobRoleArn: !Ref JobRole"),
  mutant("a state that is misspelt", "State: ENABLED\n      ReplaceComputeEnvironment", "State: ENABELD\n      ReplaceComputeEnvironment"),
  // Network
  mutant("a subnet where a security group belongs", "SecurityGroupIds: [!Ref WorkerGroup]", "SecurityGroupIds: [!Ref PublicSubnet1]"),
  mutant(
    "workers who let others in",
    "      GroupDescription: Stepwell workers, which connect and are never connected to\n",
    "      GroupDescription: Stepwell workers\n      SecurityGroupIngress: [{ IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0 }]\n",
  ),
  mutant(
    "the HTTP port open to everybody",
    "{ IpProtocol: tcp, FromPort: 7420, ToPort: 7420, CidrIp: !Ref ClientCidr",
    "{ IpProtocol: tcp, FromPort: 7420, ToPort: 7421, CidrIp: 0.0.0.0/0",
  ),
  mutant(
    "ports the wrong way round",
    "FromPort: 7420, ToPort: 7421, SourceSecurityGroupId: !Ref WorkerGroup",
    "FromPort: 7421, ToPort: 7420, SourceSecurityGroupId: !Ref WorkerGroup",
  ),
  mutant(
    "a target group that speaks HTTP",
    "      TargetType: instance\n      Protocol: TCP",
    "      TargetType: instance\n      Protocol: HTTP",
  ),
  mutant(
    "TLS that ends in the load balancer",
    "      Protocol: TCP\n      Port: 7420\n      DefaultActions",
    "      Protocol: TLS\n      Port: 7420\n      DefaultActions",
  ),
  mutant("health at another path", "HealthCheckPath: /healthz", "HealthCheckPath: /health"),
  mutant("both subnets in one zone", 'AvailabilityZone: !Select [1, !GetAZs ""]', 'AvailabilityZone: !Select [0, !GetAZs ""]'),
  mutant("two subnets with the same addresses", "!Select [1, !Cidr [!Ref VpcCidr, 4, 10]]", "!Select [0, !Cidr [!Ref VpcCidr, 4, 10]]"),
  mutant(
    "a route before its gateway",
    "    DependsOn: GatewayAttachment\n    Properties: { RouteTableId",
    "    Properties: { RouteTableId",
  ),
  mutant(
    "a subnet without routes",
    "Properties: { SubnetId: !Ref PrivateSubnet2, RouteTableId: !Ref PrivateRoutes }",
    "Properties: { SubnetId: !Ref PrivateSubnet1, RouteTableId: !Ref PrivateRoutes }",
  ),
  mutant(
    "private workers who pay for each byte of S3",
    '!If [HasPrivateWorkers, !Ref PrivateRoutes, !Ref "AWS::NoValue"]',
    '!Ref "AWS::NoValue"',
  ),
  // What is kept
  mutant(
    "a bucket that goes with the stack",
    "    DeletionPolicy: RetainExceptOnCreate\n    UpdateReplacePolicy: Retain\n    Metadata: { Data: kept }\n    Properties:\n      OwnershipControls",
    "    DeletionPolicy: Delete\n    UpdateReplacePolicy: Retain\n    Metadata: { Data: kept }\n    Properties:\n      OwnershipControls",
  ),
  mutant(
    "a volume that is lost when it is replaced",
    /(Volume:\n\s+Type: AWS::EC2::Volume\n\s+DeletionPolicy: RetainExceptOnCreate\n\s+UpdateReplacePolicy): Retain/,
    "$1: Delete",
  ),
  mutant("a bucket without the rule against plain HTTP", '"aws:SecureTransport": "false"', '"aws:SecureTransport": "true"'),
  mutant("blobs that can be overwritten", '"Null": { "s3:if-none-match": "true" }', '"Null": { "s3:if-none-match": "false" }'),
  mutant("the rule for blobs at another prefix", 'Resource: !Sub "${Bucket.Arn}/cas/*"', 'Resource: !Sub "${Bucket.Arn}/blobs/*"'),
  mutant("a bucket that may be public", "RestrictPublicBuckets: true", "RestrictPublicBuckets: false"),
  mutant(
    "artifacts that expire",
    "            Transitions: [{ StorageClass: INTELLIGENT_TIERING, TransitionInDays: 30 }]",
    "            ExpirationInDays: 30",
  ),
  mutant("a volume that is not encrypted", "      Encrypted: true\n      SnapshotId", "      Encrypted: false\n      SnapshotId"),
  mutant(
    "a volume in another zone than its machine",
    "AvailabilityZone: !GetAtt PublicSubnet1.AvailabilityZone",
    "AvailabilityZone: !GetAtt PublicSubnet2.AvailabilityZone",
  ),
  mutant("snapshots of other volumes", "TargetTags: [{ Key: stepwell-stack", "TargetTags: [{ Key: stepwell"),
  mutant("days of logs that CloudWatch has not", "RetentionInDays: !Ref LogDays", "RetentionInDays: 31"),
  // The machine
  mutant(
    "metadata without a session",
    "MetadataOptions: { HttpTokens: required, HttpPutResponseHopLimit: 1 }",
    "MetadataOptions: { HttpTokens: optional, HttpPutResponseHopLimit: 1 }",
  ),
  mutant("a quote that is left open", "echo STEPWELL_NATS=nats://127.0.0.1:4222", "echo 'STEPWELL_NATS=nats://127.0.0.1:4222"),
  mutant("a setting that does not exist", "STEPWELL_STORE_ACCESS=", "STEPWELL_STOREACCESS="),
  mutant("a variable of the shell that CloudFormation would put in", "$metadata/api/token", "${metadata}/api/token"),
  mutant(
    "the last try on a queue of spot machines",
    "STEPWELL_BATCH_ON_DEMAND_QUEUE=${FargateOnDemandQueue}",
    "STEPWELL_BATCH_ON_DEMAND_QUEUE=${FargateQueue}",
  ),
  mutant("a role by its name in a setting", "JOB_ROLE=${JobRole.Arn}", "JOB_ROLE=${JobRole}"),
  mutant("private workers who ask for public addresses", 'PublicIp: !If [HasPrivateWorkers, "off", "on"]', 'PublicIp: "on"'),
  mutant(
    "a certificate without the name that clients use",
    "STEPWELL_TLS_NAMES=${Interface.PrimaryPrivateIpAddress}${TlsName}",
    "STEPWELL_TLS_NAMES=${Interface.PrimaryPrivateIpAddress}",
  ),
  mutant("a signal for another resource", "--resource Machine", "--resource Coordinator"),
  mutant("a second machine beside the first", "MinInstancesInService: 0", "MinInstancesInService: 1"),
  mutant("two machines", 'MaxSize: "1"', 'MaxSize: "2"'),
  mutant("text from outside in a script", '    AllowedPattern: "([a-z0-9-]+(\\\\.[a-z0-9-]+)+)?"\n', ""),
  // Alarms
  mutant("an alarm on what is never measured", "Dimensions: [{ Name: Stack,", "Dimensions: [{ Name: StackName,"),
  mutant(
    "an alarm that rings when all is well",
    "Threshold: 80\n      ComparisonOperator: GreaterThanThreshold",
    "Threshold: 80\n      ComparisonOperator: LessThanThreshold",
  ),
  mutant("an alarm with an ARN where a full name belongs", "Value: !GetAtt Balancer.LoadBalancerFullName", "Value: !Ref Balancer"),
  // The template itself
  mutant("a property that does not exist", "      VolumeType: gp3\n      Size", "      VolumeKind: gp3\n      Size"),
  mutant("a property of another type", "      Priority: 1\n", "      Priority: [1]\n"),
  mutant("what is required and missing", "      Type: MANAGED\n", ""),
  mutant("a name of nothing", "Value: !Ref Volume", "Value: !Ref Disk"),
  mutant("an attribute that does not exist", "!GetAtt NatAddress.AllocationId", "!GetAtt NatAddress.AllocationID"),
  mutant(
    "a condition that does not exist",
    "    Condition: HasGpu\n    Properties:\n      Priority",
    "    Condition: HasGpus\n    Properties:\n      Priority",
  ),
  mutant(
    "a name of what is not always there",
    'TargetGroupARNs: !If [IsPublic, [!Ref Targets], !Ref "AWS::NoValue"]',
    "TargetGroupARNs: [!Ref Targets]",
  ),
  mutant("a type that does not exist", "Type: AWS::Batch::JobDefinition", "Type: AWS::Batch::Definition"),
  mutant(
    "a circle",
    "  WorkerGroup:\n    Type: AWS::EC2::SecurityGroup\n",
    "  WorkerGroup:\n    Type: AWS::EC2::SecurityGroup\n    DependsOn: CoordinatorGroup\n",
  ),
  mutant("a parameter that nothing uses", "Parameters:\n  Package:", "Parameters:\n  Colour: { Type: String, Default: red }\n  Package:"),
  mutant(
    "an alias of YAML",
    "        Subnets:\n          - !If [HasPrivateWorkers, !Ref PrivateSubnet1, !Ref PublicSubnet1]\n",
    "        Subnets: &subnets\n          - !If [HasPrivateWorkers, !Ref PrivateSubnet1, !Ref PublicSubnet1]\n",
  ),
  mutant("a default that is refused", "    Default: 50\n    MinValue: 0", "    Default: -1\n    MinValue: 0"),
];
