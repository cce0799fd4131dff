// What an attempt's own output says of its failure, as lines of the system.
//
// F1. Every line tells what it is by itself, so that who has shown the failure in another way can leave the lines out.

import { describeFailure, type Failure } from "./failure.ts";

/** The failure with the author's frames. */
export function failureLines(attempt: number, failure: Failure): readonly string[] {
  const [headline, ...further] = failureText(failure).split("\n");
  return [`stepwell: attempt ${attempt} failed: ${headline}`, ...further.map((line) => `stepwell:   ${line}`)];
}

export function isFailureLine({ stream, text }: { readonly stream: string; readonly text: string }): boolean {
  return stream === "system" && /^stepwell: (?:attempt \d+ failed: | {2})/.test(text);
}

export function failureText(failure: Failure): string {
  return failure.kind === "userError" && failure.stack !== "" ? failure.stack : describeFailure(failure);
}
