// Opens the ledger's SQLite file, and says in the ledger's words what SQLite reports.

import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, readSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type * as Sqlite from "node:sqlite";
import type { DatabaseSync } from "node:sqlite";
import { LedgerError } from "../ports/ledger.ts";
import { lostCommitInWal } from "./sqlite-wal.ts";

/** How long a statement may wait, blocking, for another process; whoever needs longer waits without blocking. */
const busyBlockMs = 10;
/** How long opening may wait, blocking: several processes may create the file at once. */
const openBusyMs = 5_000;

/**
 * Events lie in the order of their arrival, and an index finds those of a run: with events kept together by run, a commit of a
 * hundred runs' events would write a hundred pages instead of a dozen, and was 3.5 times slower.
 */
const firstTables = `
  CREATE TABLE flows (flow TEXT PRIMARY KEY, last_number INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE runs (key INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL UNIQUE, last_seq INTEGER NOT NULL) STRICT;
  CREATE TABLE events (
    id INTEGER PRIMARY KEY, run_key INTEGER NOT NULL, seq INTEGER NOT NULL, payload TEXT NOT NULL, checksum INTEGER NOT NULL,
    UNIQUE (run_key, seq)
  ) STRICT;
  CREATE TABLE summaries (
    run_key INTEGER PRIMARY KEY, flow TEXT NOT NULL, status TEXT NOT NULL, user TEXT NOT NULL,
    submitted_at_ms INTEGER NOT NULL, summary TEXT NOT NULL, checksum INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX summaries_by_flow ON summaries (flow, run_key);
  CREATE INDEX summaries_by_status ON summaries (status, run_key);
  CREATE TABLE tags (tag TEXT NOT NULL, run_key INTEGER NOT NULL, PRIMARY KEY (tag, run_key)) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_by_run ON tags (run_key);
  CREATE TABLE owners (
    run_key INTEGER PRIMARY KEY, id TEXT NOT NULL, pid INTEGER NOT NULL, host TEXT NOT NULL, address TEXT NOT NULL, start TEXT
  ) STRICT;
`;

/** What each version of a file's tables added to the one before; how many there are is kept in the file as `user_version`. */
export type Schema = readonly string[];

/** Of the ledger of runs. */
const runsSchema: Schema = [
  firstTables,
  "CREATE TABLE submissions (key TEXT PRIMARY KEY, run_key INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
];

/** @throws LedgerError readOnly, corrupt, version, busy, full */
export function openFile(path: string, schema: Schema = runsSchema): DatabaseSync {
  makeFolder(dirname(path), path);
  checkHeader(path);
  checkWritable(path);
  const lost = lostCommitInWal(`${path}-wal`);
  if (lost !== null) {
    throw new LedgerError(
      "corrupt",
      `ledger ${path}-wal: ${lost}, so events that were accepted are unreadable; restore the folder from a backup`,
    );
  }
  const { DatabaseSync } = loadSqlite();
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { timeout: openBusyMs });
    prepareFile(database, path, schema);
    return database;
  } catch (error) {
    database?.close();
    throw asLedgerError(error, path);
  }
}

function makeFolder(folder: string, path: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new LedgerError(
      "readOnly",
      `ledger ${path}: its folder cannot be made (${error instanceof Error ? error.message : String(error)}); choose a folder that you may write to`,
      {
        cause: error,
      },
    );
  }
}

/** Now, instead of at the first event; and without asking for the lock, which other processes may hold most of the time. */
function checkWritable(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK);
    if (existsSync(path)) accessSync(path, constants.W_OK);
  } catch (error) {
    throw notWritable(path, error);
  }
}

function prepareFile(database: DatabaseSync, path: string, schema: Schema): void {
  let version = readPragma(database, "user_version");
  if (version > schema.length) throw newerVersion(path, version, schema.length);
  // Before the tables: a file that has tables is in WAL mode, and `checkHeader` counts on it.
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;");
  if (version < schema.length) {
    database.exec("BEGIN IMMEDIATE");
    version = readPragma(database, "user_version");
    for (const addition of schema.slice(version)) database.exec(addition);
    if (version < schema.length) database.exec(`PRAGMA user_version = ${schema.length}`);
    database.exec("COMMIT");
    if (version > schema.length) throw newerVersion(path, version, schema.length);
  }
  database.exec(`PRAGMA busy_timeout = ${busyBlockMs}`);
}

function newerVersion(path: string, version: number, known: number): LedgerError {
  return new LedgerError(
    "version",
    `ledger ${path} was written by a newer stepwell (format ${version}; this one knows up to ${known}): update stepwell, or choose another folder`,
  );
}

function readPragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** SQLite would take a header that no longer says "WAL" for a file without one, and drop the events that are only there. */
function checkHeader(path: string): void {
  if (!existsSync(path)) {
    if (!existsSync(`${path}-wal`)) return;
    throw new LedgerError("corrupt", `ledger ${path} is missing but its ${path}-wal is there: put both files back together`);
  }
  const header = Buffer.alloc(100);
  try {
    const file = openSync(path, "r");
    const length = readSync(file, header, 0, 100, 0);
    closeSync(file);
    if (length === 0) return;
  } catch (error) {
    throw new LedgerError("readOnly", `ledger ${path} cannot be read (${String(error)}); check its permissions`, { cause: error });
  }
  const isSqlite = header.toString("latin1", 0, 16) === "SQLite format 3\0";
  const isWal = header[18] === 2 && header[19] === 2;
  const isNew = header.readUInt32BE(60) === 0 && !existsSync(`${path}-wal`);
  if (!isSqlite || (!isWal && !isNew)) throw corruptFile(path, "its header is damaged or it is not a ledger");
}

function corruptFile(path: string, what: string, cause?: unknown): LedgerError {
  return new LedgerError("corrupt", `ledger ${path}: ${what}; restore it from a backup, or move it away to start an empty one`, { cause });
}

/** Without the ExperimentalWarning that Node 22 prints when the module is first loaded. */
function loadSqlite(): typeof Sqlite {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** SQLite's primary result code; null for errors that are not SQLite's. */
function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  return error.errcode & 0xff;
}

export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === 5 || code === 6;
}

/** Errors that are not SQLite's come back as they are. */
export function asLedgerError(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  if (code === null) return error;
  const detail = error instanceof Error ? error.message : String(error);
  switch (code) {
    case 5: // SQLITE_BUSY
    case 6: // SQLITE_LOCKED
      return new LedgerError("busy", `ledger ${path}: another process holds its lock (${detail}); stop that process or try again`, {
        cause: error,
      });
    case 3: // SQLITE_PERM
    case 8: // SQLITE_READONLY
    case 14: // SQLITE_CANTOPEN
    case 23: // SQLITE_AUTH
      return notWritable(path, error);
    case 13: // SQLITE_FULL
      return fullDisk(path, error);
    case 10: // SQLITE_IOERR: a full disk shows here too, where SQLite grows its shared memory
      return isDiskFull(path) ? fullDisk(path, error) : corruptFile(path, `the disk reports an error (${detail})`, error);
    default:
      return corruptFile(path, `SQLite cannot use it (${detail})`, error);
  }
}

function notWritable(path: string, cause: unknown): LedgerError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new LedgerError("readOnly", `ledger ${path} cannot be written (${detail}); check the permissions of the file and its folder`, {
    cause,
  });
}

function fullDisk(path: string, cause: unknown): LedgerError {
  return new LedgerError("full", `ledger ${path}: the disk is full, nothing was recorded; free some space and resume the run`, { cause });
}

function isDiskFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < 256 * 1024;
  } catch {
    return false;
  }
}
