// How far a step says it is, and the line of its output that tells it.

export type Progress = {
  readonly done: number;
  /** Null where the step doesn't know. */
  readonly total: number | null;
  readonly message: string | null;
};

/** What is longer is cut. Characters. */
export const messageCharactersMax = 200;

/** What a step gave to `current.progress`. @throws TypeError */
export function progressOf(done: unknown, total: unknown, message: unknown): Progress {
  if (!isAmount(done)) throw new TypeError(`current.progress: done is ${describe(done)}; give a number that is 0 or more`);
  if (total !== undefined && !isAmount(total)) {
    throw new TypeError(`current.progress: total is ${describe(total)}; give a number that is 0 or more, or undefined`);
  }
  if (message !== undefined && typeof message !== "string") {
    throw new TypeError(`current.progress: the message is ${describe(message)}; give a string`);
  }
  return { done, total: total ?? null, message: message === undefined ? null : oneLine(message) };
}

/** `progress 40/100 fitting`. */
export function progressLine({ done, total, message }: Progress): string {
  return `progress ${done}${total === null ? "" : `/${total}`}${message === null ? "" : ` ${message}`}`;
}

const line = /^progress (\d[\d.e+-]*)(?:\/(\d[\d.e+-]*))?(?: (.+))?$/;

/** Null where the line tells something else. */
export function parseProgressLine(text: string): Progress | null {
  const [, done, total, message] = line.exec(text) ?? [];
  if (done === undefined) return null;
  return { done: Number(done), total: total === undefined ? null : Number(total), message: message ?? null };
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

/** Null where nothing is left. */
function oneLine(message: string): string | null {
  const text = message.replaceAll(/\s+/g, " ").trim().slice(0, messageCharactersMax);
  return text === "" ? null : text;
}

function describe(value: unknown): string {
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? JSON.stringify(value) : `of type ${typeof value}`;
}
