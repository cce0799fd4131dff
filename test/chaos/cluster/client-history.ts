// Judges what several clients were told at the same time: whether one order of everything explains all of it.
//
// C1. A submission that was accepted is one run; one that was cut off is one or none; there are no others.
// C2. What a read shows is never older than what another read had shown before it began: views have numbers.
// C3. A tag that was accepted is in every read that begins afterwards; one that was read once is never away again; nobody
//     reads a tag that nobody gave.
// C4. A cancellation that was accepted stands in the ledger; nothing stands there more often than it was asked for.
// C5. After a cancellation nothing is started until somebody asks for another try.

import type { RecordedEvent } from "../../../proto/event.ts";
import type { RunId } from "../../../proto/ids.ts";

export type Operation = {
  readonly kind: "submit" | "cancel" | "retry" | "tag" | "read";
  /** Null for a submission that was cut off. */
  readonly run: RunId | null;
  /** The tag that was given. */
  readonly tag?: string;
  readonly beganMs: number;
  readonly endedMs: number;
  /** `unknown`: cut off, it may have been done. */
  readonly answer: "done" | "refused" | "unknown";
  readonly seen?: { readonly seq: number; readonly tags: readonly string[] };
};

export type Final = { readonly run: RunId; readonly tags: readonly string[]; readonly events: readonly RecordedEvent[] };

export function judgeClients(operations: readonly Operation[], finals: readonly Final[]): readonly string[] {
  return [
    ...submissions(operations, finals),
    ...finals.flatMap((final) =>
      judgeOne(
        operations.filter(({ run }) => run === final.run),
        final,
      ),
    ),
  ];
}

function submissions(operations: readonly Operation[], finals: readonly Final[]): readonly string[] {
  const problems: string[] = [];
  const submitted = operations.filter(({ kind }) => kind === "submit");
  for (const { tag = "", answer, run } of submitted) {
    const found = finals.filter(({ tags }) => tags.includes(tag));
    if (found.length > 1) problems.push(`${tag} was submitted once and made ${found.length} runs`);
    if (answer === "done" && found[0]?.run !== run) problems.push(`${run} was accepted, and ${found[0]?.run ?? "no run"} has its tag`);
    if (answer === "refused" && found.length > 0) problems.push(`${tag} was refused, and is a run`);
  }
  for (const { run, tags } of finals)
    if (!submitted.some(({ tag }) => tag !== undefined && tags.includes(tag))) problems.push(`nobody submitted ${run}`);
  return problems;
}

function judgeOne(operations: readonly Operation[], { run, tags, events }: Final): readonly string[] {
  const reads = operations.flatMap(({ seen, beganMs, endedMs }) => (seen === undefined ? [] : [{ ...seen, beganMs, endedMs }]));
  // The last read of all: what stands in the end.
  reads.push({ seq: events.length, tags, beganMs: Infinity, endedMs: Infinity });
  const problems: string[] = [];
  const given = operations.filter(({ kind }) => kind === "tag" || kind === "submit");
  for (const read of reads) {
    const earlier = reads.filter(({ endedMs }) => endedMs < read.beganMs);
    const newest = Math.max(0, ...earlier.map(({ seq }) => seq));
    if (read.seq < newest) problems.push(`${run}: a read showed event ${read.seq} after another had shown ${newest}`);
    const expected = new Set(earlier.flatMap((one) => one.tags));
    for (const { tag, answer, endedMs } of given) if (tag !== undefined && answer === "done" && endedMs < read.beganMs) expected.add(tag);
    const missing = [...expected].filter((tag) => !read.tags.includes(tag));
    if (missing.length > 0) problems.push(`${run}: a read missed the tags ${missing.join(", ")}`);
    // A submission that was cut off gave its tag to a run that the client cannot name.
    const foreign = read.tags.filter((tag) => !tag.startsWith("submission-") && !given.some((one) => one.tag === tag));
    if (foreign.length > 0) problems.push(`${run}: nobody gave the tags ${foreign.join(", ")}`);
  }
  problems.push(...recorded(operations, { run, events }, "cancel"), ...recorded(operations, { run, events }, "retry"));
  return [...problems, ...stillness(run, events)];
}

function recorded(operations: readonly Operation[], { run, events }: Omit<Final, "tags">, kind: "cancel" | "retry"): readonly string[] {
  const asked = operations.filter((one) => one.kind === kind);
  const done = asked.filter(({ answer }) => answer === "done").length;
  const most = done + asked.filter(({ answer }) => answer === "unknown").length;
  const found = events.filter(({ event }) => event.kind === `${kind}Requested`).length;
  // Several cancellations of what stops already are one event, and another try of what is under way is none.
  const least = kind === "cancel" ? Math.min(done, 1) : 0;
  return found < least || found > most
    ? [`${run}: ${found} times ${kind} in the ledger; ${done} were accepted, ${most} may have been`]
    : [];
}

function stillness(run: RunId, events: readonly RecordedEvent[]): readonly string[] {
  let cancelled = false;
  for (const { seq, event } of events) {
    if (event.kind === "cancelRequested") cancelled = true;
    if (event.kind === "retryRequested") cancelled = false;
    if (event.kind === "taskStarted" && cancelled) return [`${run}: ${event.task} was started at ${seq}, after the run had been cancelled`];
  }
  return [];
}
