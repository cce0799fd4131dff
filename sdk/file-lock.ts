// A lock on a file that one process at a time holds, and that the system lets go of when that process ends, however: a number
// of a process would be another's, in a container often the next one's.

import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** SQLite's number for a lock that somebody else holds. */
const busy = 5;

export type FileLock = { release(): void };

/** Makes the file. Null where another process holds the lock. @throws Error where files there cannot be locked */
export function lockFile(path: string): FileLock | null {
  const lock = new DatabaseSync(path);
  try {
    lock.exec("PRAGMA busy_timeout = 0");
    // A transaction on an empty file writes to it, and so would need room on the disk each time.
    if (statSync(path).size === 0) lock.exec("PRAGMA user_version = 1");
    // An exclusive transaction is a lock that every system has.
    lock.exec("BEGIN EXCLUSIVE");
    return { release: () => lock.close() };
  } catch (error) {
    lock.close();
    if (error instanceof Error && "errcode" in error && error.errcode === busy) return null;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${path} cannot be locked (${reason}): it must be on a disk of this machine that has room`, { cause: error });
  }
}
