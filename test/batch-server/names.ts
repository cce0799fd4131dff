// Names of Amazon: of resources, and of what runs.

import { randomBytes, randomUUID } from "node:crypto";

export const region = "eu-west-1";
export const account = "123456789012";

export function arnOf(service: string, resource: string): string {
  return `arn:aws:${service}:${region}:${account}:${resource}`;
}

/** `name` of `arn:aws:batch:eu-west-1:123456789012:job-queue/name`, or what is a name already. */
export function nameIn(reference: string, kind: string): string {
  const prefix = arnOf("batch", `${kind}/`);
  return reference.startsWith(prefix) ? reference.slice(prefix.length) : reference;
}

export function newJobId(): string {
  return randomUUID();
}

export function newInstanceId(): string {
  return `i-0${randomBytes(8).toString("hex").slice(1)}`;
}

export function newTaskId(): string {
  return randomBytes(16).toString("hex");
}
