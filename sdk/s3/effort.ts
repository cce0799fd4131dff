// How long and how hard one call tries, until it is done, given up, or told to stop.

import { defaultPacing, persist } from "../artifact/s3/persistence.ts";
import type { ReadPacing } from "../artifact/s3/object-reader.ts";
import { RequestFailure } from "../artifact/s3/request-failure.ts";
import { Damaged, Stopped } from "./bucket-requests.ts";
import { explain, S3Error } from "./s3-error.ts";

export type Effort = { readonly signal: AbortSignal; readonly pacing: ReadPacing };

const idleMs = 20_000;

/** Waits end with the signal, too. */
export function effortUntil(signal: AbortSignal, pacing: Partial<ReadPacing>): Effort {
  const { sleep, ...rest } = { ...defaultPacing, idleMs, ...pacing };
  return { signal, pacing: { ...rest, sleep: (ms) => unlessAborted(signal, sleep(ms)) } };
}

export function trying<Result>({ pacing }: Effort, attempt: () => Promise<Result>): Promise<Result> {
  return persist(pacing, attempt);
}

/** @throws S3Error, or the reason of the signal */
export async function explained<Result>(
  { signal }: Effort,
  what: { readonly text: string; readonly url: string; readonly inStep: boolean },
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw explanationOf(error, what, signal);
  }
}

export function explanationOf(
  error: unknown,
  { text, url, inStep }: { readonly text: string; readonly url: string; readonly inStep: boolean },
  signal: AbortSignal,
): unknown {
  if (error instanceof Stopped) return signal.reason;
  if (error instanceof Damaged) return explanationOf(new RequestFailure("damaged", error.message), { text, url, inStep }, signal);
  if (error instanceof RequestFailure) return explain(`${url} could not be ${text}`, error, { url, inStep });
  if (!(error instanceof Error && "code" in error)) return error;
  if (error.code !== "ENOSPC" && error.code !== "EDQUOT") return error;
  const message = `${url} could not be ${text}: no space is left on this machine's disk (${error.message}); close what is done with, or read with stream(), which keeps nothing`;
  return new S3Error("full", message, { url, cause: error });
}

async function unlessAborted(signal: AbortSignal, sleeping: Promise<void>): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const end = (): void => ended.resolve();
  signal.addEventListener("abort", end, { once: true });
  await Promise.race([sleeping, ended.promise]);
  signal.removeEventListener("abort", end);
}
