// Where the client's objects get their answers from, on whose behalf they ask, and which part of the world they see.

import type { Control } from "../../proto/control.ts";
import type { RunId } from "../../proto/ids.ts";
import type { Endpoint } from "../wire/endpoint.ts";
import type { ArtifactStore, BlockingReader } from "../artifact/store.ts";

export type Connection = {
  readonly control: Control;
  /** What the run names can be read there. */
  storeOf(run: RunId): ArtifactStore & BlockingReader;
  close(): Promise<void>;
};

/** Who asks, and the namespace that listings keep to; null sees everything. */
type Identity = { readonly user: string; readonly namespace: string | null };

/** A folder, or a coordinator elsewhere. */
type Place = { readonly place: string | Endpoint };

export type Session = Identity & { readonly connection: Connection };

/** How a program without a session of its own reaches the configured coordinator or the local folder. */
type Defaults = {
  open(place: string | Endpoint): Promise<Connection>;
  settings(): Identity & Place;
  /** Sends nothing yet. @throws AddressError */
  connect(endpoint: Endpoint): Connection;
};

let defaults: Defaults | null = null;
const opened = new Map<string, Promise<Connection>>();
let chosenNamespace: string | null | undefined;

/** Called once by the package entry. */
export function registerDefaults(given: Defaults): void {
  defaults = given;
}

/** The session that objects use which were given none; its connection is opened on first use. */
export async function defaultSession(): Promise<Session> {
  const { open, settings } = registered();
  const { place, user } = settings();
  const key = typeof place === "string" ? place : JSON.stringify(place);
  const opening = opened.get(key) ?? open(place);
  opened.set(key, opening);
  try {
    return { connection: await opening, user, namespace: getNamespace() };
  } catch (error) {
    // What failed may go better the next time: the folder may be there by then.
    if (opened.get(key) === opening) opened.delete(key);
    throw error;
  }
}

/** A coordinator, how one is let in, and on whose behalf and in which namespace one asks there: both from the settings by default. */
export type CoordinatorPlace = Omit<Endpoint, "address"> & {
  /** `host` or `host:port`. */
  readonly coordinator: string;
  readonly user?: string;
  readonly namespace?: string | null;
};

/** Sends nothing yet. @throws AddressError */
export function sessionWith({ coordinator, user, namespace: given, ...endpoint }: CoordinatorPlace): Session {
  const { connect, settings } = registered();
  const own = settings();
  const connection = connect({ ...endpoint, address: coordinator });
  return { connection, user: user ?? own.user, namespace: given === undefined ? own.namespace : given };
}

/**
 * Changes what listings see from now on: runs that carry this tag, as `user:ana` or `production:token`; null for all.
 * Runs that are named by their number are found in every namespace. Returns the namespace set.
 */
export function namespace(name: string | null): string | null {
  chosenNamespace = name;
  return name;
}

/** The namespace that listings keep to: the one set by `namespace()`, else the default. */
export function getNamespace(): string | null {
  return chosenNamespace === undefined ? registered().settings().namespace : chosenNamespace;
}

/** Goes back to the namespace of the settings, `user:<name>` unless they say otherwise, and returns it. */
export function defaultNamespace(): string | null {
  chosenNamespace = undefined;
  return getNamespace();
}

/**
 * Closes the default connections; the next use opens a new one. A program need not call it: an open connection doesn't keep
 * it alive.
 */
export async function disconnect(): Promise<void> {
  const closing = [...opened.values()];
  opened.clear();
  await Promise.all(closing.map(async (connection) => (await connection).close()));
}

function registered(): Defaults {
  if (defaults === null) throw new Error('no connection: import from "stepwell/client", or pass a session of your own');
  return defaults;
}
