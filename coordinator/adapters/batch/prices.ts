// What a worker in Batch costs an hour, estimated: list prices of us-east-1 in US dollars, without storage and traffic. Other
// regions cost up to half as much again, and spot prices move.

import type { Container } from "../../../proto/container.ts";
import type { Capacity } from "../../../proto/shape.ts";

const fargateVcpuHour = 0.040_48;
const fargateGibHour = 0.004_445;
/** As of an instance with 2 GiB for each vCPU and one with 8, apart. */
const ec2VcpuHour = 0.035;
const ec2GibHour = 0.003_8;
/** What one of the smaller kind adds to its machine. */
const gpuHour = 0.65;
/** Part of the price that spot capacity costs. */
const spotShare = 0.35;

export function usdPerHour({ platform, vcpu, memoryMiB, gpu }: Container, capacity: Capacity): number {
  const gib = memoryMiB / 1024;
  const full =
    platform === "fargate" ? vcpu * fargateVcpuHour + gib * fargateGibHour : vcpu * ec2VcpuHour + gib * ec2GibHour + gpu * gpuHour;
  return capacity === "spot" ? full * spotShare : full;
}
