// Where the client's objects get their answers from, and which part of the world they see.

import type { Control } from "../../proto/control.ts";
import type { ArtifactStore, BlockingReader } from "../artifact/store.ts";

export type Connection = {
  readonly control: Control;
  readonly store: ArtifactStore & BlockingReader;
  close(): Promise<void>;
};

/** A connection and the namespace that its listings keep to; null sees everything. */
export type Session = { readonly connection: Connection; readonly namespace: string | null };

type Opener = () => Promise<Session>;

let opener: Opener | null = null;
let opened: Promise<Session> | null = null;
let chosenNamespace: string | null | undefined;

/** Called once by the package entry, which knows how to reach the configured coordinator or the local folder. */
export function registerOpener(open: Opener): void {
  opener = open;
}

/** The session that objects use which were given none; opened on first use. */
export async function defaultSession(): Promise<Session> {
  if (opener === null) throw new Error('no connection: import from "stepwell/client", or pass a session of your own');
  opened ??= opener();
  const session = await opened;
  return chosenNamespace === undefined ? session : { ...session, namespace: chosenNamespace };
}

/**
 * Changes what listings see from now on: runs that carry this tag, as `user:ana` or `production:token`; null for all.
 * Returns the namespace set.
 */
export function namespace(name: string | null): string | null {
  chosenNamespace = name;
  return name;
}

/** Closes the default connection, so that a program may end; the next use opens a new one. */
export async function disconnect(): Promise<void> {
  const closing = opened;
  opened = null;
  if (closing !== null) await (await closing).connection.close();
}
