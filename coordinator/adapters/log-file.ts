// Reads the files of captured output: finds them, and yields their lines piece by piece.

import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import type { LogsQuery } from "../../proto/control.ts";
import { parseTaskId, stepOf, type RunId } from "../../proto/ids.ts";
import type { LogLine } from "../../proto/view.ts";
import { isLineAskedFor, selectAttempts, type LoggedAttempt } from "./log-selection.ts";
import type { Turns } from "./turns.ts";

/** Bytes of a file that are held at once. */
const pieceBytes = 64 * 1024;
/** Enough for the time at the beginning of the first line, or of the second where the first was torn before its own. */
const firstBytes = 64;

export type LogFile = LoggedAttempt & { readonly run: RunId; readonly path: string };

/** The files that the query asks for, in the order of step, indexes and attempt. */
export async function findLogFiles(root: string, query: LogsQuery, turns: Turns): Promise<readonly LogFile[]> {
  const { run } = query;
  const asked = query.task === undefined ? query.step : stepOf(query.task);
  const steps = asked === undefined ? namesIn(join(root, run)) : [asked];
  const tasks = steps.flatMap((step) => {
    return query.task === undefined ? namesIn(join(root, run, step)).map((indexes) => `${step}/${indexes}`) : [query.task];
  });
  const files: LogFile[] = [];
  for (const name of tasks) {
    if (isTaskName(name)) files.push(...filesOf(root, run, name));
    await turns.share();
  }
  return selectAttempts(query, files);
}

function filesOf(root: string, run: RunId, name: string): LogFile[] {
  const task = parseTaskId(name);
  const folder = join(root, run, task);
  return namesIn(folder).flatMap((file) => {
    const attempt = /^(\d+)\.ndjson$/.exec(file)?.[1];
    return attempt === undefined ? [] : [{ run, task, attempt: Number(attempt), path: `${folder}/${file}` }];
  });
}

function isTaskName(name: string): boolean {
  return /^[A-Za-z]\w*\/\d+(\.\d+)*$/.test(name);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no such step, task or run has printed anything
  }
}

/** The time of the first line; null where the file has no whole line to tell it. */
export function readFirstMs(path: string): number | null {
  const bytes = Buffer.alloc(firstBytes);
  try {
    const file = openSync(path, "r");
    const length = readSync(file, bytes, 0, firstBytes, 0);
    closeSync(file);
    const time = /^\{"atMs":([\d.]+),/m.exec(bytes.toString("latin1", 0, length))?.[1];
    return time === undefined ? null : Number(time);
  } catch {
    return null;
  }
}

/** Opens the file for each piece anew: a reader that is slow or abandoned holds no file open. */
export async function* readLogFile(file: LogFile, query: LogsQuery, turns: Turns): AsyncGenerator<LogLine, void, undefined> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for (let position = 0, isLast = false; !isLast;) {
    const piece = readPiece(file.path, position);
    position += piece.length;
    isLast = piece.length < pieceBytes;
    const lines = (rest + decoder.write(piece)).split("\n");
    rest = lines.pop() ?? ""; // what has no newline yet was torn, or is being written
    for (const text of lines) {
      const line = parseLine(file, text);
      if (line !== null && isLineAskedFor(query, line)) yield line;
    }
    await turns.share();
  }
}

function readPiece(path: string, position: number): Buffer {
  const file = openSync(path, "r");
  try {
    const piece = Buffer.allocUnsafe(pieceBytes);
    return piece.subarray(0, readSync(file, piece, 0, pieceBytes, position));
  } finally {
    closeSync(file);
  }
}

/** Null where a crash tore the line. */
function parseLine({ run, task, attempt }: LogFile, text: string): LogLine | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || !("atMs" in value && "stream" in value && "text" in value)) return null;
  const { atMs, stream, text: line } = value;
  if (typeof atMs !== "number" || typeof line !== "string") return null;
  if (stream !== "stdout" && stream !== "stderr" && stream !== "system") return null;
  return { run, task, attempt, stream, atMs, text: line };
}
