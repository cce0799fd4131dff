// What a resumed run needs of the run that it goes back to, for the command line and for programs alike.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { sameValue, type Artifacts } from "../proto/artifact.ts";
import type { ResumeRequest } from "../proto/control.ts";
import type { StepName } from "../proto/ids.ts";
import type { RunView } from "../proto/view.ts";
import { readArtifact } from "../sdk/artifact/read.ts";
import type { ArtifactStore } from "../sdk/artifact/store.ts";
import { changedSteps, readCodeFacts } from "../sdk/graph/code-changes.ts";
import { CliError } from "./cli-error.ts";
import type { FlowCode } from "./flow-code.ts";
import { rememberedFile } from "./submission.ts";

/** Where to go on from. */
export type Origin = { readonly view: RunView; readonly from: StepName | null };

export type Resumption = {
  readonly origin: Origin;
  /** The code that the origin was made of, and the code that goes on. */
  readonly before: FlowCode;
  readonly code: FlowCode;
  /** Of the run that goes on. */
  readonly parameters: Artifacts;
  readonly rerunCaught: boolean;
};

/** Compares code and parameters with the origin's. */
export function resumeRequest({ origin, before, code, parameters, rerunCaught }: Resumption): ResumeRequest {
  const { view, from } = origin;
  const facts = readCodeFacts(code.bytes);
  return {
    origin: view.run,
    from,
    changedSteps: changedSteps(readCodeFacts(before.bytes), facts),
    changedParameters: changedNames(view.parameters, parameters),
    stepsReadingParameters: facts.readBy,
    rerunCaught,
  };
}

/** The file that the run's flow was in, and whether it is still there. `dir` is the folder that holds the runs. */
export function fileOf(view: RunView, dir: string): { readonly path: string; readonly exists: boolean } | null {
  const remembered = rememberedFile(view.systemTags);
  if (remembered === null) return null;
  const path = resolve(dir, remembered);
  return { path, exists: existsSync(path) };
}

/** @throws CliError badFile */
export function checkSameFlow(code: FlowCode, view: RunView, path: string): void {
  if (code.graph.flow === view.flow) return;
  throw new CliError("badFile", `${path} holds ${code.graph.flow}, but ${view.run} is a run of ${view.flow}`, {
    hint: "name another file with --file FILE",
  });
}

/** What the origin's parameters were; those of `inherited` are secrets, whose values its coordinator alone has. */
export type EarlierValues = { readonly values: Readonly<Record<string, unknown>>; readonly inherited: readonly string[] };

/** Parameters of the origin that the flow still has. */
export async function valuesOf(view: RunView, code: FlowCode, store: ArtifactStore): Promise<EarlierValues> {
  const values: Record<string, unknown> = {};
  const inherited: string[] = [];
  for (const { spec } of code.definition.parameters) {
    const ref = view.parameters[spec.name];
    if (ref !== undefined) values[spec.name] = await readArtifact(ref, store);
    else if (spec.secret && view.secrets.includes(spec.name)) inherited.push(spec.name);
  }
  return { values, inherited };
}

function changedNames(before: Artifacts, after: Artifacts): readonly string[] {
  return Object.entries(after).flatMap(([name, ref]) => {
    const old = before[name];
    return old !== undefined && sameValue(old, ref) ? [] : [name];
  });
}
