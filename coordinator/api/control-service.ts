// The Control service: unpacks requests, calls the Control, packs what it answers.

import { once } from "node:events";
import { status, type sendUnaryData, type ServerUnaryCall, type StatusObject } from "@grpc/grpc-js";
import { ControlError, type Control } from "../../proto/control.ts";
import { NameError } from "../../proto/ids.ts";
import { ParseError } from "../../proto/parse/combinators.ts";
import { statusOf } from "../../sdk/wire/control-client.ts";
import type { ControlRequest, FollowCall } from "../../sdk/wire/services.ts";
import { callsOf, followsOf, type CallTable, type FollowTable } from "./control-methods.ts";

/** Items of a followed list that share a message. */
const itemsPerReplyMax = 500;

export class ControlService {
  readonly #calls: CallTable;
  readonly #follows: FollowTable;

  constructor(control: Control) {
    this.#calls = callsOf(control);
    this.#follows = followsOf(control);
  }

  call({ request }: ServerUnaryCall<ControlRequest, Uint8Array>, answer: sendUnaryData<Uint8Array>): void {
    this.#answer(request).then(
      (value) => answer(null, value === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(value))),
      (error: unknown) => answer(serviceErrorOf(error)),
    );
  }

  follow(call: FollowCall): void {
    this.#follow(call).then(
      () => call.end(),
      (error: unknown) => call.emit("error", serviceErrorOf(error)),
    );
  }

  async #answer({ method, arguments: bytes }: ControlRequest): Promise<unknown> {
    const handle = this.#calls[method];
    if (handle === undefined) throw new ControlError("invalid", `there is no method "${method}" that answers once`);
    return handle(parseArguments(bytes));
  }

  async #follow(call: FollowCall): Promise<void> {
    const { method, arguments: bytes } = call.request;
    const handle = this.#follows[method];
    if (handle === undefined) throw new ControlError("invalid", `there is no method "${method}" that can be followed`);
    const items = handle(parseArguments(bytes))[Symbol.asyncIterator]();
    call.on("cancelled", () => void items.return?.());
    await sendItems(call, items);
  }
}

/** Sends what is there in one message, as soon as the next item has to be waited for. */
async function sendItems(call: FollowCall, items: AsyncIterator<unknown>): Promise<void> {
  let batch: unknown[] = [];
  let next = items.next();
  for (;;) {
    const result = await Promise.race([next, batch.length === 0 ? next : turn()]);
    if (result !== null && result.done !== true) {
      batch.push(result.value);
      next = items.next();
      if (batch.length < itemsPerReplyMax) continue;
    }
    if (call.cancelled) return;
    if (batch.length > 0 && !call.write(Buffer.from(JSON.stringify(batch))))
      await Promise.race([once(call, "drain"), once(call, "cancelled")]);
    if (result?.done === true) return;
    batch = [];
  }
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
