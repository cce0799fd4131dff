// Finds the processes that a step started, wherever they went. Linux only; elsewhere a process group is all that can be found.

import { readdirSync, readFileSync } from "node:fs";

/** In the environment of every task process, and of what it starts unless that gets an environment of its own. */
export const markerVariable = "STEPWELL_TASK_PROCESS";

type Row = { readonly pid: number; readonly parent: number; readonly group: number };

/** Everything that belongs to the task process `leader`, itself excluded: by group, by descent, or by the marker. */
export function leftoversOf(leader: number, marker: string): readonly number[] {
  const rows = readRows();
  const found = new Set<number>([leader]);
  for (const row of rows) if (row.group === leader || isMarked(row.pid, marker)) found.add(row.pid);
  // Descent, whatever the order of the rows.
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const row of rows) if (found.has(row.parent)) found.add(row.pid);
  }
  found.delete(leader);
  return [...found];
}

/** Kills what a step left behind, until nothing new turns up. */
export function killLeftovers(leader: number, marker: string): void {
  for (let round = 0; round < leftoverRoundsMax; round += 1) {
    const found = leftoversOf(leader, marker);
    if (found.length === 0) return;
    for (const pid of found) killQuietly(pid);
  }
}

/** A process that forks as fast as it is killed is beaten by killing its group; this bounds the search for the rest. */
const leftoverRoundsMax = 10;

/** It may have ended already. */
export function killQuietly(pid: number, signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone.
  }
}

function readRows(): readonly Row[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  const rows: Row[] = [];
  for (const name of names) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const row = readRow(pid);
    if (row !== null) rows.push(row);
  }
  return rows;
}

/** The name of the program, in brackets, may itself hold brackets and spaces. A zombie is nobody's leftover. */
function readRow(pid: number): Row | null {
  const text = readText(`/proc/${pid}/stat`);
  const [state, parent, group] = text.slice(text.lastIndexOf(")") + 2).split(" ", 3);
  if (state === undefined || parent === undefined || group === undefined || state === "Z" || state === "X") return null;
  return { pid, parent: Number(parent), group: Number(group) };
}

function isMarked(pid: number, marker: string): boolean {
  return readText(`/proc/${pid}/environ`).split("\0").includes(`${markerVariable}=${marker}`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
