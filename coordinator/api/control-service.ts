// The Control service: unpacks requests, calls the Control, packs what it answers.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { status, type sendUnaryData, type ServerUnaryCall, type StatusObject } from "@grpc/grpc-js";
import { ControlError } from "../../proto/control.ts";
import { NameError } from "../../proto/ids.ts";
import { ParseError } from "../../proto/parse/combinators.ts";
import { statusOf } from "../../sdk/wire/control-client.ts";
import type { ControlRequest, FollowCall } from "../../sdk/wire/services.ts";
import type { Clock } from "../ports/clock.ts";
import type { Admission } from "./access/admission.ts";
import { controlTable } from "./access/permissions.ts";
import type { Caller } from "./access/principal.ts";
import { callsOf, followsOf } from "./control-methods.ts";
import { EncodedGroup, replyOf } from "./follow-reply.ts";
import { groupsOf } from "./grouped.ts";
import type { Traffic } from "./traffic.ts";

/** Items of a followed list that share a message. */
const itemsPerReplyMax = 500;

/** What many follow is sent to each of them less often: a millisecond between two messages for so many streams. */
const followsPerRestMs = 2;
/** Nobody sees such a delay. Milliseconds. */
const restMsMax = 50;

/** How long a reader may take nothing of what was sent to it. Milliseconds. */
const readMsMax = 60_000;

/** Streams of events and lines that one token may have open. */
const followsMax = 1000;

export type ControlServicePorts = {
  readonly clock: Clock;
  readonly admission: Pick<Admission, "controlFor" | "whenEnded">;
  readonly traffic: Traffic;
};

export class ControlService {
  readonly #ports: ControlServicePorts;
  /** Streams that are open, by token. */
  readonly #following = new Map<string, number>();
  /** A group of events is one object for all who follow their run. */
  readonly #encoded = new WeakMap<readonly unknown[], EncodedGroup>();

  constructor(ports: ControlServicePorts) {
    this.#ports = ports;
  }

  call({ request }: ServerUnaryCall<ControlRequest, Uint8Array>, caller: Caller, answer: sendUnaryData<Uint8Array>): void {
    this.#answer(request, caller).then(
      (value) => {
        this.#ports.traffic.onAnswered(request.method, "ok");
        return answer(null, value === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(value)));
      },
      (error: unknown) => {
        this.#ports.traffic.onAnswered(methodNamed(request.method), error instanceof ControlError ? error.code : "internal");
        return answer(serviceErrorOf(error));
      },
    );
  }

  follow(call: FollowCall, caller: Caller): void {
    this.#follow(call, caller).then(
      () => call.end(),
      (error: unknown) => call.emit("error", serviceErrorOf(error)),
    );
  }

  async #answer({ method, arguments: bytes }: ControlRequest, caller: Caller): Promise<unknown> {
    const handle = callsOf(this.#ports.admission.controlFor(caller))[method];
    if (handle === undefined) throw new ControlError("invalid", `there is no method "${method}" that answers once`);
    return handle(parseArguments(bytes));
  }

  async #follow(call: FollowCall, caller: Caller): Promise<void> {
    const { method, arguments: bytes } = call.request;
    const key = caller.principal.tokenId ?? caller.from;
    const following = this.#following.get(key) ?? 0;
    if (following >= followsMax)
      throw new ControlError("conflict", `${following} runs are followed with this token at once, which is the most: let some of them go`);
    const handle = followsOf(this.#ports.admission.controlFor(caller))[method];
    if (handle === undefined) throw new ControlError("invalid", `there is no method "${method}" that can be followed`);
    const over = new AbortController();
    const groups = groupsOf(handle(parseArguments(bytes), over.signal));
    const ended = new Promise<never>((_, reject) => {
      over.signal.addEventListener("abort", () => reject(over.signal.reason));
    });
    const stopWaiting = this.#ports.admission.whenEnded(caller, (why) => over.abort(new ControlError("unauthenticated", why)));
    call.on("cancelled", () => over.abort(new ControlError("unavailable", "nobody reads any more")));
    this.#following.set(key, following + 1);
    this.#ports.traffic.follows += 1;
    try {
      await Promise.race([this.#sendItems(call, groups, over), ended]);
    } finally {
      const left = (this.#following.get(key) ?? 1) - 1;
      if (left === 0) this.#following.delete(key);
      else this.#following.set(key, left);
      this.#ports.traffic.follows -= 1;
      stopWaiting();
      over.abort(new ControlError("unavailable", "the stream has ended"));
      // What it waits for ends with the signal; nobody waits with it.
      groups.return().catch(() => undefined);
    }
  }

  /** Sends what is there in one message, as soon as the next group has to be waited for; then the stream rests. */
  async #sendItems(call: FollowCall, groups: AsyncGenerator<readonly unknown[]>, over: AbortController): Promise<void> {
    const takesPacked = call.request.takesPacked === true;
    for (let next = taken(groups); ;) {
      let result: IteratorResult<readonly unknown[]> | null = await next;
      const batch: EncodedGroup[] = [];
      const pause = turn();
      for (
        let count = 0;
        result !== null && result.done !== true;
        result = count < itemsPerReplyMax ? await Promise.race([next, pause]) : null
      ) {
        batch.push(this.#encode(result.value));
        count += result.value.length;
        next = taken(groups);
      }
      if (over.signal.aborted) return;
      if (batch.length > 0 && !call.write(replyOf(batch, takesPacked))) await this.#drained(call, over);
      if (result !== null) return;
      const restMs = Math.min(restMsMax, Math.floor(this.#ports.traffic.follows / followsPerRestMs));
      if (restMs > 0) await sleep(restMs);
    }
  }

  #encode(group: readonly unknown[]): EncodedGroup {
    const encoded = this.#encoded.get(group) ?? new EncodedGroup(group);
    encoded.users += 1;
    if (this.#ports.traffic.follows > 1) this.#encoded.set(group, encoded);
    return encoded;
  }

  /** A reader that takes nothing for too long is let go: what it has not taken yet is kept for it. */
  async #drained(call: FollowCall, over: AbortController): Promise<void> {
    const tooSlow = (): void =>
      over.abort(new ControlError("unavailable", `nothing was read for ${readMsMax / 1000} s: ask again for what comes after the last`));
    const cancel = this.#ports.clock.after(readMsMax, tooSlow, { background: true });
    try {
      await once(call, "drain", { signal: over.signal });
    } finally {
      cancel();
    }
  }
}

/** Asked for before somebody waits for it. */
function taken<T>(items: AsyncGenerator<T>): Promise<IteratorResult<T>> {
  const next = items.next();
  next.catch(() => undefined);
  return next;
}

/** Whoever asks for what isn't there invents no names of numbers. */
function methodNamed(method: string): string {
  return Object.hasOwn(controlTable, method) ? method : "unknown";
}

function turn(): Promise<null> {
  return new Promise((resolve) => setImmediate(() => resolve(null)));
}

function parseArguments(bytes: Uint8Array): readonly unknown[] {
  let args: unknown;
  try {
    args = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch {
    args = null;
  }
  if (!Array.isArray(args)) throw new ControlError("invalid", "a request's arguments are a JSON array");
  return args;
}

function serviceErrorOf(error: unknown): Partial<StatusObject> {
  if (error instanceof ControlError) return { code: statusOf(error.code), details: error.message };
  if (error instanceof NameError || error instanceof ParseError) return { code: status.INVALID_ARGUMENT, details: error.message };
  return { code: status.ABORTED, details: error instanceof Error ? error.message : String(error) };
}
