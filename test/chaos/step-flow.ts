// Flows for chaos: one step that misbehaves, between a start and an end that don't.

/** `work` is the body of the step; it may use `tell(word)`, which appends a line to the file `told` of the place, and `told()`. */
export function flowWith({ work, decorators = "" }: { readonly work: string; readonly decorators?: string }): string {
  return `
import { spawn } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { FlowSpec, artifact, catchError, current, environment, resources, retry, step, timeout } from "stepwell";
const tell = (word: unknown) => appendFileSync(process.env["PLACE"] + "/told", word + "\\n");
const told = () => readFileSync(process.env["PLACE"] + "/told", { encoding: "utf8", flag: "a+" });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export class ChaosFlow extends FlowSpec {
  declare error: unknown;
  declare big: Uint8Array;
  @step start() {
    return this.next(this.work);
  }
  ${decorators}
  @step async work() {
    ${work}
    return this.next(this.end);
  }
  @step end() {
    tell("end");
  }
}
`;
}
