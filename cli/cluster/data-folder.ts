// A coordinator's data folder: who it belongs to, for ever (its identity) and at this moment (its lock).
//
// D1. One process at a time serves a folder: the system holds the lock, and lets go of it when the process ends, however.
// D2. The identity stays with the folder, so that a coordinator that starts again takes up its own runs at once, also in
//     another container or under another host name.

import { randomUUID } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { lockFile, type FileLock } from "../../sdk/file-lock.ts";
import { CliError } from "../cli-error.ts";

/** What a coordinator says of itself in its folder while it serves. */
export type Served = {
  readonly pid: number;
  readonly host: string;
  readonly address: string;
  readonly http: string;
  /** Of its own authority; null where it has none, or speaks no TLS. */
  readonly fingerprint: string | null;
  /** With a token for everything, readable for its owner alone; null where none is asked for. */
  readonly tokenFile: string | null;
  readonly startedAt: string;
};

export interface DataFolder {
  readonly path: string;
  readonly identity: string;
  /** For those who find the folder taken. */
  describe(served: Served): void;
  release(): void;
}

/** @throws CliError conflict where another process serves the folder, store where it cannot be used */
export function openDataFolder(path: string): DataFolder {
  make(path);
  const lock = lockOf(path);
  const file = servedFile(path);
  return {
    path,
    identity: identityOf(path),
    describe: (served) => writeWhole(file, `${JSON.stringify(served, null, 2)}\n`),
    release: () => {
      rmSync(file, { force: true });
      lock.release();
    },
  };
}

/** @throws CliError store */
function make(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    // Of a coordinator that another user started here once.
    for (const file of ["lock", "ledger.db"].map((name) => join(path, name))) {
      if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError("store", `the data folder ${path} cannot be used: ${reason}`, {
      hint: "run the coordinator as the folder's owner, or give it another one: --data DIR",
      cause: error,
    });
  }
}

/** What the folder's coordinator last said of itself; it may be dead. Null where there is none. */
export function readServed(path: string): Served | null {
  try {
    // Written by `describe`, whole.
    return JSON.parse(readFileSync(servedFile(path), "utf8")) as Served;
  } catch {
    return null;
  }
}

function servedFile(path: string): string {
  return join(path, "coordinator.json");
}

/** @throws CliError conflict, store */
function lockOf(path: string): FileLock {
  const lock = tryToLock(path);
  if (lock !== null) return lock;
  const served = readServed(path);
  const who = served === null ? "another process" : `process ${served.pid} on ${served.host}, at ${served.address}`;
  throw new CliError("conflict", `${path} is served already by ${who}`, {
    hint: "stop that coordinator first, or give this one a folder of its own: --data DIR",
  });
}

/** @throws CliError store */
function tryToLock(path: string): FileLock | null {
  try {
    return lockFile(join(path, "lock"));
  } catch (error) {
    throw new CliError("store", error instanceof Error ? error.message : String(error), {
      hint: "make room, or give the coordinator a folder on another disk: --data DIR",
      cause: error,
    });
  }
}

function identityOf(path: string): string {
  const file = join(path, "identity");
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const identity = randomUUID();
  writeWhole(file, `${identity}\n`);
  return identity;
}

function writeWhole(file: string, text: string): void {
  const beside = `${file}.new`;
  writeFileSync(beside, text, { mode: 0o600 });
  const handle = openSync(beside, "r+");
  fsyncSync(handle);
  closeSync(handle);
  renameSync(beside, file);
}
