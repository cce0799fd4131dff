// Who can reach what: security groups, routes, the load balancer, and the addresses of subnets.

import { listAt, objectAt, resourcesOf, textAt, type Resource, type Stack } from "./template.ts";

/** gRPC, and HTTP beside it. */
const ports = { grpc: 7420, http: 7421 };

export function checkNetwork(stack: Stack): readonly string[] {
  return [...aboutGroups(stack), ...aboutSubnets(stack), ...aboutRoutes(stack), ...aboutBalancer(stack)];
}

function aboutGroups(stack: Stack): readonly string[] {
  return resourcesOf(stack, "AWS::EC2::SecurityGroup").flatMap(({ id, properties }) => {
    const rules = listAt(properties, "SecurityGroupIngress");
    const found = id === "WorkerGroup" && rules.length > 0 ? [`${id}: lets somebody in`] : [];
    for (const rule of rules) {
      const from = textAt(rule, "CidrIp");
      const [low, high] = [Number(textAt(rule, "FromPort")), Number(textAt(rule, "ToPort"))];
      const allowed = id === "BalancerGroup" ? [stack.parameters["ClientCidr"]] : [stack.parameters["VpcCidr"]];
      if (from !== "" && !allowed.includes(from)) found.push(`${id}: lets ${from} in`);
      if (from !== "" && high > ports.grpc) found.push(`${id}: opens port ${high} to ${from}`);
      if (low < ports.grpc || high > ports.http || low > high) found.push(`${id}: opens ports ${low} to ${high}`);
      if (textAt(rule, "IpProtocol") !== "tcp") found.push(`${id}: opens more than TCP`);
      if (from === "" && textAt(rule, "SourceSecurityGroupId") === "") found.push(`${id}: has a rule for nobody`);
    }
    return found;
  });
}

function aboutSubnets(stack: Stack): readonly string[] {
  const subnets = resourcesOf(stack, "AWS::EC2::Subnet");
  const found: string[] = [];
  const places = subnets.map(({ properties }) => JSON.stringify(objectAt(properties)["CidrBlock"]));
  if (new Set(places).size < places.length) found.push("two subnets have the same addresses");
  for (const kind of ["Public", "Private"]) {
    const zones = subnets.filter(({ id }) => id.startsWith(kind)).map(({ properties }) => JSON.stringify(properties["AvailabilityZone"]));
    if (new Set(zones).size < zones.length) found.push(`${kind.toLowerCase()} subnets are in the same zone`);
  }
  for (const { id, properties } of subnets) {
    const isOpen = properties["MapPublicIpOnLaunch"] === true;
    if (isOpen !== id.startsWith("Public")) found.push(`${id}: ${isOpen ? "gives" : "gives no"} public addresses`);
    const routed = resourcesOf(stack, "AWS::EC2::SubnetRouteTableAssociation").filter(
      (one) => textAt(one.properties, "SubnetId") === `«${id}»`,
    );
    const table = id.startsWith("Public") ? "«PublicRoutes»" : "«PrivateRoutes»";
    if (routed.length !== 1 || textAt(routed[0]?.properties, "RouteTableId") !== table) found.push(`${id}: is not routed by ${table}`);
  }
  return found;
}

function aboutRoutes(stack: Stack): readonly string[] {
  const found: string[] = [];
  for (const { id, properties, attributes } of resourcesOf(stack, "AWS::EC2::Route")) {
    const isPublic = textAt(properties, "RouteTableId") === "«PublicRoutes»";
    if (isPublic && !listAt(attributes["DependsOn"]).includes("GatewayAttachment"))
      found.push(`${id}: is made before its gateway is attached`);
    if (isPublic && textAt(properties, "GatewayId") === "") found.push(`${id}: leads nowhere`);
    if (!isPublic && textAt(properties, "NatGatewayId") === "") found.push(`${id}: leads nowhere`);
  }
  const tables = resourcesOf(stack, "AWS::EC2::RouteTable").map(({ id }) => `«${id}»`);
  const endpoints = resourcesOf(stack, "AWS::EC2::VPCEndpoint");
  const served = endpoints.flatMap(({ properties }) => listAt(properties, "RouteTableIds"));
  for (const table of tables) if (!served.includes(table)) found.push(`${table}: has no way to S3 of its own`);
  if (endpoints.some(({ properties }) => textAt(properties, "VpcEndpointType") !== "Gateway")) found.push("the way to S3 costs money");
  return found;
}

function aboutBalancer(stack: Stack): readonly string[] {
  return [
    ...resourcesOf(stack, "AWS::ElasticLoadBalancingV2::LoadBalancer").flatMap(aboutOneBalancer),
    ...resourcesOf(stack, "AWS::ElasticLoadBalancingV2::Listener").flatMap(({ id, properties }) => [
      // TLS that ends in the load balancer would show it everything, and a fingerprint would be of its certificate.
      ...(textAt(properties, "Protocol") === "TCP" ? [] : [`${id}: is not TCP`]),
      ...(textAt(properties, "Port") === String(ports.grpc) ? [] : [`${id}: is at another port than clients are told`]),
    ]),
    ...resourcesOf(stack, "AWS::ElasticLoadBalancingV2::TargetGroup").flatMap(aboutTargets),
  ];
}

function aboutOneBalancer({ id, properties }: Resource): readonly string[] {
  const found: string[] = [];
  if (textAt(properties, "Type") !== "network") found.push(`${id}: is no network load balancer`);
  if (listAt(properties, "SecurityGroups").length === 0) found.push(`${id}: has no security group`);
  if (listAt(properties, "Subnets").length < 2) found.push(`${id}: is in one zone`);
  return found;
}

function aboutTargets({ id, properties }: Resource): readonly string[] {
  const found: string[] = [];
  if (textAt(properties, "Protocol") !== "TCP") found.push(`${id}: a network load balancer has no ${textAt(properties, "Protocol")}`);
  if (textAt(properties, "Port") !== String(ports.grpc)) found.push(`${id}: is another port than the coordinator's`);
  if (textAt(properties, "HealthCheckPort") !== String(ports.http)) found.push(`${id}: looks for health at another port`);
  if (textAt(properties, "HealthCheckProtocol") !== "HTTPS") found.push(`${id}: asks without TLS, which is not answered`);
  if (textAt(properties, "HealthCheckPath") !== "/healthz") found.push(`${id}: looks for health where there is none`);
  return found;
}
