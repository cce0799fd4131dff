// What Batch says of a request that it doesn't accept.

import { randomUUID } from "node:crypto";
import { Refusal } from "../aws/refusal.ts";

export function invalid(what: string): Refusal {
  return new Refusal(400, "ClientException", `Error executing request, Exception : ${what}, RequestId: ${randomUUID()}`);
}

/** A member that this server doesn't know would be ignored, and the test would prove nothing. */
export function allowOnly(value: object, known: readonly string[], where: string): void {
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`${where}: ${unknown} is not known to this server`);
}
