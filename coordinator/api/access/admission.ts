// Lets requests in: who asks is found out before any byte of a message is read, and each goes on as what its caller may do.

import { ServerInterceptingCall, ServerListenerBuilder, status, type Metadata, type ServerInterceptor } from "@grpc/grpc-js";
import { ControlError, type Control } from "../../../proto/control.ts";
import { statusOf } from "../../../sdk/wire/control-client.ts";
import type { Access } from "./access.ts";
import { guardedControl, type GuardPorts, type GuardTargets } from "./guarded-control.ts";
import type { Askable } from "./permissions.ts";
import type { Caller } from "./principal.ts";

export type AdmissionPorts = GuardPorts & { readonly access: Access; readonly control: Control };

export class Admission {
  readonly #ports: AdmissionPorts;
  readonly #targets: GuardTargets;
  /** By what grpc-js hands both to the interceptor and to the handler. */
  readonly #callers = new WeakMap<Metadata, Caller>();

  constructor(ports: AdmissionPorts) {
    this.#ports = ports;
    this.#targets = { control: ports.control, tokens: ports.access.control };
  }

  /** Control as this caller may use it. */
  controlFor(caller: Caller): Askable {
    return guardedControl(this.#targets, caller, this.#ports);
  }

  /** Calls back once, as soon as the caller may do nothing any more. Returns the function that ends the wait. */
  whenEnded({ principal }: Caller, callback: (why: string) => void): () => void {
    return this.#ports.access.whenEnded(principal, callback);
  }

  /**
   * Whose request it is, once `admit` has let it in and its message has come, which may take as long as its sender likes.
   * @throws ControlError unauthenticated
   */
  callerOf(metadata: Metadata): Caller {
    const caller = this.#callers.get(metadata);
    if (caller === undefined) throw new ControlError("unauthenticated", "nobody was let in with this request");
    const why = this.#ports.access.whyEnded(caller.principal);
    if (why !== null) throw new ControlError("unauthenticated", `${why}: ask an admin for another one`);
    return caller;
  }

  /** @throws ControlError unauthenticated */
  async admit(metadata: Metadata, from: string): Promise<void> {
    const [authorization] = metadata.get("authorization");
    this.#callers.set(metadata, { principal: await this.#ports.access.identify(authorization?.toString(), from), from });
  }
}

/** `onProven` is told of connections whose other side is known. What is asked for by one of the `open` paths is for anyone. */
export function interceptorOf(ready: Promise<Admission>, onProven: (peer: string) => void, open: readonly string[]): ServerInterceptor {
  return (method, call) => {
    if (open.includes(method.path)) return new ServerInterceptingCall(call);
    const from = call.getPeer();
    return new ServerInterceptingCall(call, {
      start: (next) => {
        const listener = new ServerListenerBuilder().withOnReceiveMetadata((metadata, goOn) => {
          ready
            .then((admission) => admission.admit(metadata, from))
            .then(
              () => {
                onProven(from);
                return goOn(metadata);
              },
              (error: unknown) => call.sendStatus(refusalOf(error)),
            )
            .catch(() => undefined);
        });
        next(listener.build());
      },
    });
  };
}

/** As a status. */
export function refusalOf(error: unknown): { readonly code: status; readonly details: string } {
  if (error instanceof ControlError) return { code: statusOf(error.code), details: error.message };
  return { code: status.UNAVAILABLE, details: error instanceof Error ? error.message : String(error) };
}
