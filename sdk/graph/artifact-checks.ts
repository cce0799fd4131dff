// Placeholder so that the first version compiles.
import type { StepObjection } from "./sketch.ts";
export function checkArtifacts(_input: unknown): readonly StepObjection[] {
  return [];
}
