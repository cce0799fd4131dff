// Watches for the word of EC2 that this machine will be taken away, about two minutes before: a container on it may get no signal.

import { setTimeout as after } from "node:timers/promises";
import type { WorkerLog } from "../ports/log.ts";

export type SpotNotice = {
  /** `terminate`, `stop` or `hibernate`. */
  readonly action: string;
  readonly atMs: number;
};

export type SpotWatchOptions = {
  /** Of the machine's metadata. */
  readonly endpoint: string;
  readonly everyMs: number;
  readonly log: WorkerLog;
  readonly signal: AbortSignal;
};

/** Where EC2 has the metadata of every machine. */
export const instanceMetadata = "http://169.254.169.254";
/** A notice comes two minutes ahead. Milliseconds. */
export const lookEveryMs = 5000;

const answerMsMax = 2000;
const tokenSeconds = 21_600;

/** Resolves with the notice; null when the watch ends before one came. A machine that doesn't answer is asked again. */
export async function spotNotice(options: SpotWatchOptions): Promise<SpotNotice | null> {
  const { everyMs, log, signal } = options;
  let token: string | null = null;
  let isTold = false;
  while (!signal.aborted) {
    try {
      token ??= await ask(options, "/latest/api/token", {
        method: "PUT",
        headers: { "x-aws-ec2-metadata-token-ttl-seconds": String(tokenSeconds) },
      });
      if (token !== null) {
        const text = await ask(options, "/latest/meta-data/spot/instance-action", { headers: { "x-aws-ec2-metadata-token": token } });
        const notice = text === null ? null : parseNotice(text);
        if (notice !== null) return notice;
      }
    } catch (error) {
      token = null;
      const fields = { event: "worker.spotUnknown", reason: error instanceof Error ? error.message : String(error) };
      if (!isTold && !signal.aborted) log.warn(fields, "the machine does not say whether it will be taken away: it is asked again");
      isTold = true;
    }
    await after(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
  return null;
}

/** Null: there is no such thing. */
async function ask({ endpoint, signal }: SpotWatchOptions, path: string, init: RequestInit): Promise<string | null> {
  const answer = await fetch(`${endpoint}${path}`, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]) });
  const text = await answer.text();
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return text;
}

function parseNotice(text: string): SpotNotice {
  const value: unknown = JSON.parse(text);
  const { action, time } = (value ?? {}) as { action?: unknown; time?: unknown };
  const atMs = typeof time === "string" ? Date.parse(time) : Number.NaN;
  if (typeof action !== "string" || Number.isNaN(atMs)) throw new Error(`a notice that cannot be read: ${text}`);
  return { action, atMs };
}
