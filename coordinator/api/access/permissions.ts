// The one table of who may do what: every method of Control, what workers do, every HTTP route. What is not in it is refused.
//
// P1. A role that is not named in a row is refused.
// P2. A principal that is limited to a namespace asks about runs of that namespace only: each row says how its arguments
//     are kept to it.

import { ControlError, type Asker, type Control, type RunsQuery, type SubmitRequest } from "../../../proto/control.ts";
import type { RunId } from "../../../proto/ids.ts";
import type { WorkerView } from "../../../proto/view.ts";
import type { Role, TokenControl } from "../../../proto/token.ts";
import type { Principal } from "./principal.ts";

export type Askable = Control & TokenControl;

/** What a principal is kept to. */
export interface Limits {
  readonly role: Role;
  /** Null: nothing. */
  readonly namespace: string | null;
  /** As whom the principal is recorded, whatever it says; null: as it says. */
  readonly name: string | null;
  /** Whether the run is one that the principal may know of. */
  holds(run: RunId): Promise<boolean>;
  /**
   * For a submission, unless it is one that was carried out before.
   * @throws ControlError conflict, when too many runs of the principal's namespace, or else of the user, have not ended
   */
  checkRoom(request: Pick<SubmitRequest, "user" | "key">): Promise<void>;
  /** @throws ControlError denied, for a run of another namespace or none at all */
  checkRun(run: RunId): Promise<void>;
}

type Asked<M extends keyof Askable> = Parameters<Askable[M]>;

export type Row<M extends keyof Askable> = {
  readonly who: readonly Role[];
  /** `once`: it changes nothing. `change`: it is written into the audit trail. `follow`: it goes on. */
  readonly kind: "once" | "change" | "follow";
  /** The arguments as they are permitted. @throws ControlError denied */
  readonly limit: (args: Asked<M>, limits: Limits) => Asked<M> | Promise<Asked<M>>;
  /** What of the answer is for this principal. */
  readonly answer?: (result: Awaited<ReturnType<Askable[M]>>, limits: Limits) => Promise<Awaited<ReturnType<Askable[M]>>>;
  /** For the audit trail. */
  readonly run?: (args: Asked<M>) => RunId | null;
  readonly about?: (args: Asked<M>) => string;
};

const readers: readonly Role[] = ["reader", "runner", "admin"];
const runners: readonly Role[] = ["runner", "admin"];
const admins: readonly Role[] = ["admin"];

export const controlTable: { readonly [M in keyof Askable]: Row<M> } = {
  submit: { who: runners, kind: "change", limit: ofNewRun },
  plan: { who: readers, kind: "once", limit: ofSubmission },
  cancel: { who: runners, kind: "change", limit: ofChange, run: first },
  retry: { who: runners, kind: "change", limit: ofChange, run: first },
  tag: { who: runners, kind: "change", limit: ofChange, run: first },
  runs: { who: readers, kind: "once", limit: ([query], limits) => [within(query, limits)] },
  latest: { who: readers, kind: "once", limit: ([query], limits) => [within(query, limits)] },
  flows: { who: readers, kind: "once", limit: (args, { namespace }) => (namespace === null ? args : [args[0], namespace]) },
  run: { who: readers, kind: "once", limit: ofRun },
  tasks: { who: readers, kind: "once", limit: ofRun },
  task: { who: readers, kind: "once", limit: ofRun },
  waits: { who: readers, kind: "once", limit: ofRun },
  events: { who: readers, kind: "follow", limit: ofRun },
  logs: { who: readers, kind: "follow", limit: ofQuery },
  workers: { who: readers, kind: "once", limit: asAsked, answer: ofWorkers },
  health: { who: readers, kind: "once", limit: asAsked },
  drainWorker: { who: admins, kind: "change", limit: asAsked, about: ([worker]) => worker },
  launches: { who: readers, kind: "once", limit: asAsked },
  endLaunch: { who: admins, kind: "change", limit: asAsked, about: ([launch]) => launch },
  collect: { who: admins, kind: "change", limit: asAsked },
  blobPlaces: { who: readers, kind: "once", limit: asAsked },
  grantBlobs: { who: readers, kind: "once", limit: ofGrant },
  createToken: { who: admins, kind: "change", limit: asAsked, about: ([{ role, name }]) => `${role} ${name}` },
  tokens: { who: admins, kind: "once", limit: asAsked },
  revokeToken: { who: admins, kind: "change", limit: asAsked, about: ([id]) => id },
};

/** What is asked for elsewhere than of Control. */
const otherActions = {
  connect: ["worker", "runner", "admin"],
  // A URL that was granted says itself what it is for, and for how long.
  "GET /blobs/SHA256[/pieces]": "anyone",
  "HEAD /blobs/SHA256[/pieces]": "anyone",
  "PUT /blobs/SHA256[/pieces]": "anyone",
  // Containers that a coordinator launches are told the key, and have nothing else to show before they are workers.
  "GET /worker/KEY": "anyone",
  // Those who watch over processes have no token, and are told nothing but how it is.
  "GET /healthz": "anyone",
  "GET /readyz": "anyone",
  "grpc.health.v1.Health/Check": "anyone",
  "grpc.health.v1.Health/Watch": ["reader", "runner", "worker", "admin"],
  // Who may know it may also know what that version has wrong.
  "GET /version": ["reader", "runner", "worker", "admin"],
  "GET /metrics": readers,
} as const satisfies Readonly<Record<string, readonly Role[] | "anyone">>;

export type OtherAction = keyof typeof otherActions;

/** Every action, for who documents or tests them. */
export function permissions(): ReadonlyMap<string, readonly Role[] | "anyone"> {
  const asked = Object.entries(controlTable).map(([method, { who }]): [string, readonly Role[]] => [method, who]);
  return new Map<string, readonly Role[] | "anyone">([...asked, ...Object.entries(otherActions)]);
}

export function isAction(text: string): text is OtherAction {
  return Object.hasOwn(otherActions, text);
}

/** Whether whoever can connect may do it. */
export function isOpen(action: OtherAction): boolean {
  return otherActions[action] === "anyone";
}

/** For what needs nothing but a role. Null is somebody unknown. @throws ControlError unauthenticated, denied */
export function authorize(principal: Principal | null, action: OtherAction | keyof Askable): void {
  const who = action in otherActions ? otherActions[action as OtherAction] : controlTable[action as keyof Askable].who;
  if (who === "anyone") return;
  if (principal === null) throw new ControlError("unauthenticated", `${action} needs a token: ${howToGiveOne}`);
  if (who.some((role) => role === principal.role)) return; // P1
  const holder = principal.tokenId === null ? "this caller" : `the token ${principal.tokenId}`;
  throw new ControlError(
    "denied",
    `${holder} has the role ${principal.role}, and ${action} is for ${who.join(" or ")}: ask an admin for another token`,
  );
}

export const howToGiveOne =
  "set STEPWELL_TOKEN to it, or STEPWELL_TOKEN_FILE to its file; the first is the file admin-token in the coordinator's data folder, `stepwell token create` makes others";

function asAsked<Args>(args: Args): Args {
  return args;
}

function first([run]: readonly [RunId, ...unknown[]]): RunId {
  return run;
}

async function ofRun<Args extends readonly [RunId, ...unknown[]]>(args: Args, limits: Limits): Promise<Args> {
  await limits.checkRun(args[0]);
  return args;
}

async function ofChange<Args extends readonly [RunId, Asker, ...unknown[]]>(args: Args, limits: Limits): Promise<Args> {
  const [run, asker, ...others] = args;
  await limits.checkRun(run);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same arguments, under another name
  return [run, { ...asker, by: limits.name ?? asker.by }, ...others] as unknown as Args;
}

async function ofQuery<Args extends readonly [{ readonly run: RunId }, ...unknown[]]>(args: Args, limits: Limits): Promise<Args> {
  await limits.checkRun(args[0].run);
  return args;
}

/** Null: for what a submission will name, by those who may submit. */
async function ofGrant<Args extends readonly [RunId | null, ...unknown[]]>(args: Args, limits: Limits): Promise<Args> {
  if (args[0] !== null) await limits.checkRun(args[0]);
  else if (!runners.includes(limits.role))
    throw new ControlError("denied", `blobs are written by ${runners.join(" or ")}, not by a ${limits.role}`);
  return args;
}

async function ofNewRun([request]: readonly [SubmitRequest], limits: Limits): Promise<[SubmitRequest]> {
  const permitted = { ...request, user: limits.name ?? request.user };
  await ofSubmission([permitted], limits);
  await limits.checkRoom(permitted);
  return [permitted];
}

async function ofSubmission<Args extends readonly [SubmitRequest]>(args: Args, { namespace, checkRun }: Limits): Promise<Args> {
  const [request] = args;
  if (namespace !== null && request.namespace !== namespace) {
    throw new ControlError(
      "denied",
      `this token starts runs in the namespace ${namespace} only, not in "${request.namespace}": pass --namespace ${namespace}`,
    );
  }
  if (request.resume !== null) await checkRun(request.resume.origin);
  return args;
}

/** What workers do for others is none of a limited principal's business; that they are there is. */
async function ofWorkers(workers: readonly WorkerView[], limits: Limits): Promise<readonly WorkerView[]> {
  if (limits.namespace === null) return workers;
  const known = new Set<string>();
  for (const run of new Set(workers.flatMap(({ running }) => running.map(({ run }) => run)))) if (await limits.holds(run)) known.add(run);
  return workers.map((worker) => ({
    ...worker,
    runs: worker.runs.filter((run) => known.has(run)),
    running: worker.running.filter(({ run }) => known.has(run)),
  }));
}

function within(query: RunsQuery, { namespace }: Limits): RunsQuery {
  return namespace === null ? query : { ...query, within: namespace };
}
