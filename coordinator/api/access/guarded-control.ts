// A coordinator's Control as one caller may use it: each call is held against the table, and what changes something is
// written into the audit trail, as is what was refused.

import { ControlError, type Control } from "../../../proto/control.ts";
import type { RunId } from "../../../proto/ids.ts";
import type { TokenControl } from "../../../proto/token.ts";
import type { AuditEntry, AuditTrail } from "../../ports/audit-trail.ts";
import type { Clock } from "../../ports/clock.ts";
import { Grouped, groupsOf } from "../grouped.ts";
import { authorize, controlTable, type Askable, type Limits, type Row } from "./permissions.ts";
import type { Caller, Principal } from "./principal.ts";

export type GuardPorts = {
  readonly clock: Clock;
  readonly audit: AuditTrail;
  /** Runs that have not ended, of a namespace or of a user. */
  unfinishedRuns(of: { readonly within: string } | { readonly user: string }): Promise<number>;
  /** Whether a run was begun with the key. */
  isSubmitted(key: string): Promise<boolean>;
  /** Null where there is no such run. */
  namespaceOf(run: RunId): Promise<string | null>;
};

type Method = keyof Askable;
/** A row and a method of one name belong together; what is done for all of them needs only this. */
type AnyRow = Row<Method> & { readonly limit: (args: readonly unknown[], limits: Limits) => Promise<readonly unknown[]> };
type AnyMethod = (...args: readonly unknown[]) => unknown;

/** What is asked in the end. */
export type GuardTargets = { readonly control: Control; readonly tokens: TokenControl };

export function guardedControl(targets: GuardTargets, caller: Caller, ports: GuardPorts): Askable {
  const methods = Object.keys(controlTable).map((name) => {
    const method = name as Method;
    const guarded = new GuardedMethod(method, { targets, caller, ports });
    const row = controlTable[method];
    return [method, row.kind === "follow" ? guarded.follow.bind(guarded) : guarded.call.bind(guarded)] as const;
  });
  return Object.fromEntries(methods) as unknown as Askable;
}

type Guarded = { readonly targets: GuardTargets; readonly caller: Caller; readonly ports: GuardPorts };

class GuardedMethod {
  readonly #name: Method;
  readonly #row: AnyRow;
  readonly #ask: AnyMethod;
  readonly #caller: Caller;
  readonly #ports: GuardPorts;
  readonly #limits: Limits;

  constructor(name: Method, { targets, caller, ports }: Guarded) {
    this.#name = name;
    this.#row = controlTable[name] as AnyRow;
    this.#ask = methodOf(name, targets);
    this.#caller = caller;
    this.#ports = ports;
    this.#limits = limitsOf(caller.principal, ports);
  }

  async call(...args: readonly unknown[]): Promise<unknown> {
    try {
      const made = await this.#ask(...(await this.#permitted(args)));
      const result = this.#row.answer === undefined ? made : await this.#row.answer(made as never, this.#limits);
      if (this.#row.kind === "change") this.#record(args, { result: "done", code: null, made: result });
      return result;
    } catch (error) {
      this.#recordFailure(args, error);
      throw error;
    }
  }

  follow(...args: readonly unknown[]): Grouped<unknown> {
    return new Grouped(() => this.#follow(args));
  }

  async *#follow(args: readonly unknown[]): AsyncGenerator<readonly unknown[], void, undefined> {
    let permitted: readonly unknown[];
    try {
      permitted = await this.#permitted(args);
    } catch (error) {
      this.#recordFailure(args, error);
      throw error;
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row says that it can be followed
    yield* groupsOf(this.#ask(...permitted) as AsyncIterable<unknown>);
  }

  async #permitted(args: readonly unknown[]): Promise<readonly unknown[]> {
    authorize(this.#caller.principal, this.#name);
    return this.#row.limit(args, this.#limits);
  }

  #recordFailure(args: readonly unknown[], error: unknown): void {
    const code = error instanceof ControlError ? error.code : "internal";
    if (code === "denied") this.#record(args, { result: "denied", code, made: null });
    else if (this.#row.kind === "change") this.#record(args, { result: "failed", code, made: null });
  }

  #record(args: readonly unknown[], { result, code, made }: Pick<AuditEntry, "result" | "code"> & { readonly made: unknown }): void {
    const { principal, from } = this.#caller;
    const { tokenId, tokenName, role } = principal;
    const given = args as never;
    const run = this.#row.run?.(given) ?? (this.#name === "submit" && typeof made === "string" ? made : null);
    const about = this.#row.about?.(given) ?? null;
    this.#ports.audit.record({
      atMs: this.#ports.clock.nowMs(),
      action: this.#name,
      tokenId,
      tokenName,
      role,
      from,
      run,
      about,
      result,
      code,
    });
  }
}

function methodOf(name: Method, { control, tokens }: GuardTargets): AnyMethod {
  if (name in tokens) return tokens[name as keyof TokenControl].bind(tokens) as AnyMethod;
  return control[name as keyof Control].bind(control) as AnyMethod;
}

/** Runs of one user, or of a namespace that a token is limited to, that may be under way at once. */
const unfinishedRunsMax = 1000;

function limitsOf({ namespace, tokenId, tokenName, role }: Principal, { namespaceOf, unfinishedRuns, isSubmitted }: GuardPorts): Limits {
  const holds = async (run: RunId): Promise<boolean> => namespace === null || (await namespaceOf(run)) === namespace;
  return {
    role,
    namespace,
    // An admin gives out tokens of any name: it may as well say itself for whom it acts.
    name: role === "admin" || tokenName === "" ? null : tokenName,
    holds,
    checkRoom: async ({ user, key }) => {
      if (tokenId === null || (key !== undefined && (await isSubmitted(key)))) return;
      const count = await unfinishedRuns(namespace === null ? { user } : { within: namespace });
      if (count < unfinishedRunsMax) return;
      throw new ControlError(
        "conflict",
        `${namespace ?? user} has ${count} runs that have not ended, and ${unfinishedRunsMax} may be under way at once: wait for some, or cancel them`,
      );
    },
    checkRun: async (run) => {
      if (await holds(run)) return;
      // The same words whether it is there or not.
      throw new ControlError("denied", `this token is limited to the namespace ${namespace}, where there is no run ${run}`);
    },
  };
}
