// Faults on request: what goes wrong with which requests, how often.

import { unreachable } from "../../proto/unreachable.ts";

export type Fault =
  /** Refused, and nothing is done. As a page, it is the HTML of a load balancer that stands in between. */
  | { readonly kind: "error"; readonly status: number; readonly code: string; readonly isPage?: true }
  /** The connection is reset, and nothing is done. */
  | { readonly kind: "reset" }
  /** Nothing is ever answered. */
  | { readonly kind: "hang" }
  /** Done, but the connection is reset instead of an answer. */
  | { readonly kind: "dropAfter" }
  /** Done, but the answer is an error. */
  | { readonly kind: "errorAfter"; readonly status: number; readonly code: string }
  | { readonly kind: "latency"; readonly ms: number }
  /** The body of the answer ends after so many bytes, though more were announced. */
  | { readonly kind: "truncate"; readonly afterBytes: number }
  /** A bit of this byte is another, in the answer's body or in the one that arrives. */
  | { readonly kind: "flip"; readonly at: number };

/** Without those that need the bytes of an object. */
export type CallFault = Exclude<Fault, { readonly kind: "truncate" | "flip" }>;

export type FaultRule<Known extends Fault = Fault> = {
  readonly fault: Known;
  readonly methods?: readonly string[];
  /**
   * A regular expression that the subject must match. For S3 that is the key, or the query where there's no key; elsewhere the
   * name of the operation and then the body.
   */
  readonly matches?: string;
  /** After this many requests the fault is over. */
  readonly times?: number;
  /** Requests that would have been hit and are let through first. */
  readonly skip?: number;
  /** Of the requests, from 0 to 1: which, a seeded generator says. */
  readonly share?: number;
};

export class Faults<Known extends Fault = Fault> {
  #rules: { readonly rule: FaultRule<Known>; left: number; toSkip: number }[] = [];
  #seed: number;
  /** How many requests were hit, by kind. */
  readonly hits = new Map<Fault["kind"], number>();

  constructor(seed = 1) {
    this.#seed = seed;
  }

  add(rule: FaultRule<Known>): void {
    this.#rules.push({ rule, left: rule.times ?? Infinity, toSkip: rule.skip ?? 0 });
  }

  clear(): void {
    this.#rules = [];
  }

  /** What happens to this request. */
  next(method: string, subject: string): Known | null {
    for (const active of this.#rules) {
      const { rule } = active;
      if (active.left === 0 || !(rule.methods ?? [method]).includes(method)) continue;
      if (rule.matches !== undefined && !new RegExp(rule.matches).test(subject)) continue;
      if (rule.share !== undefined && this.#random() >= rule.share) continue;
      if (active.toSkip > 0) {
        active.toSkip -= 1;
        continue;
      }
      active.left -= 1;
      this.hits.set(rule.fault.kind, (this.hits.get(rule.fault.kind) ?? 0) + 1);
      return rule.fault;
    }
    return null;
  }

  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#seed / 2 ** 32;
  }
}

/** Whether the request is carried out before the fault shows. */
export function isDoneFirst(fault: Fault): boolean {
  switch (fault.kind) {
    case "dropAfter":
    case "errorAfter":
    case "latency":
    case "truncate":
    case "flip":
      return true;
    case "error":
    case "reset":
    case "hang":
      return false;
    default:
      return unreachable(fault);
  }
}
