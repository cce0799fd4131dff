// What `stepwell up` has started in a data folder, so that `stepwell down` finds it again, and nothing else.

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startOfProcess } from "../../coordinator/adapters/process-identity.ts";
import type { ProcessMark } from "./supervised.ts";

/** `up` itself first, then what it keeps alive, in the order in which it is ended. */
export type UpRecord = { readonly up: ProcessMark; readonly kept: readonly ProcessMark[]; readonly ready: boolean };

export function writeUpRecord(data: string, record: UpRecord): void {
  const file = recordFile(data);
  writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function removeUpRecord(data: string): void {
  rmSync(recordFile(data), { force: true });
}

/** Null where nothing was started, or it was ended in order. */
export function readUpRecord(data: string): UpRecord | null {
  const file = recordFile(data);
  // Written by `writeUpRecord`, whole.
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as UpRecord) : null;
}

/** Whether it is still that process, and not another one of its number. */
export function isAlive({ pid, start }: ProcessMark): boolean {
  return startOfProcess(pid) === start;
}

function recordFile(data: string): string {
  return join(data, "up.json");
}
