// What simulated steps do: a pure function of their inputs, so that whoever computes a task gets the same artifacts.

import type { ArtifactRef, Artifacts } from "../../proto/artifact.ts";
import type { Failure } from "../../proto/failure.ts";
import type { Sha256, StepName, TaskId } from "../../proto/ids.ts";
import { hashOf } from "./random.ts";

/** Everything that makes one simulated flow behave as it does. */
export type Script = {
  readonly salt: string;
  /** A changed step computes something else. */
  readonly versions: ReadonlyMap<StepName, number>;
  /** Scripted failures happen. */
  readonly isFaulty: boolean;
};

export type Place = { readonly step: StepName; readonly task: TaskId; readonly elements: readonly string[] };

export function stored(text: string): ArtifactRef {
  const sha256 = hashOf(text).toString(16).padStart(64, "0") as Sha256;
  return { kind: "stored", sha256, size: 8, type: "string", place: { kind: "blob" } };
}

/** Equal for equal artifacts, whatever the order of their names. */
export function digestOf(visible: Artifacts): string {
  const names = Object.keys(visible).sort();
  return names.map((name) => `${name}=${keyOf(visible[name])}`).join(";");
}

function keyOf(ref: ArtifactRef | undefined): string {
  if (ref === undefined) return "nothing";
  return ref.kind === "stored" ? ref.sha256.slice(-8) : `caught ${ref.task} ${ref.failure.kind}`;
}

function valueOf(script: Script, place: Place, input: string): string {
  return `${place.task}|${script.versions.get(place.step) ?? 0}|${place.elements.join(",")}|${input}`;
}

export function producedByStep(script: Script, place: Place, visible: Artifacts): Artifacts {
  const value = valueOf(script, place, digestOf(visible));
  const own = { [`of_${place.step}`]: stored(value) };
  const choice = hashOf(place.step) % 4;
  if (choice === 0) return {};
  return choice === 1 ? { ...own, shared: stored(`shared ${value}`) } : own;
}

export function producedByJoin(script: Script, place: Place, inputs: readonly Artifacts[]): Artifacts {
  const own = { [`of_${place.step}`]: stored(valueOf(script, place, inputs.map(digestOf).join("|"))) };
  return hashOf(place.step) % 3 === 0 ? own : { ...merged(inputs), ...own };
}

/** The names whose values agree in all inputs that have them. */
function merged(inputs: readonly Artifacts[]): Artifacts {
  const found = new Map<string, ArtifactRef | null>();
  for (const input of inputs) {
    for (const [name, ref] of Object.entries(input)) {
      const known = found.get(name);
      found.set(name, known === undefined || (known !== null && keyOf(known) === keyOf(ref)) ? ref : null);
    }
  }
  return Object.fromEntries([...found].flatMap(([name, ref]) => (ref === null ? [] : [[name, ref]])));
}

/** What a failing step had set before it threw. */
export function producedBeforeFailure(place: Place): Artifacts {
  return { [`partial_${place.step}`]: stored(`partial ${place.task}`) };
}

export function elementsOf(script: Script, task: TaskId): readonly string[] {
  const count = hashOf(`${script.salt} width ${task}`) % 4;
  return Array.from({ length: count }, (_, i) => `${task}:${i}`);
}

export function caseOf(script: Script, task: TaskId, cases: number): number {
  return hashOf(`${script.salt} case ${task}`) % cases;
}

/** How the task fails, and how often before it succeeds; null for a task that never does. */
export function failuresOf(script: Script, task: TaskId): { readonly failure: Failure; readonly times: number } | null {
  if (!script.isFaulty) return null;
  const draw = hashOf(`${script.salt} fails ${task}`) % 100;
  if (draw >= 26) return null;
  return { failure: failures[draw % failures.length] ?? failures[0], times: draw < 14 ? 1 : draw < 21 ? 2 : 99 };
}

const failures: readonly [Failure, ...Failure[]] = [
  { kind: "userError", name: "Error", message: "scripted", stack: "", place: null },
  { kind: "timeout", afterSeconds: 1 },
  { kind: "exit", code: 3 },
  { kind: "refusedArtifact", artifact: "x", path: "", message: "scripted" },
  { kind: "userError", name: "TypeError", message: "scripted", stack: "", place: null },
  // Reported as a success that took a wrong way.
  { kind: "badTransition", message: "scripted" },
];
