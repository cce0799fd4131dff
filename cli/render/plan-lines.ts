// `stepwell resume --dry-run`: what would be reused, what would run, and why.

import type { ResumePlan } from "../../proto/control.ts";
import type { StepName, TaskId } from "../../proto/ids.ts";
import type { Paint } from "../terminal.ts";

export type PlanContext = {
  readonly paint: Paint;
  /** As shown to the person; null where the origin's own code would run. */
  readonly file: string | null;
  readonly changedSteps: readonly StepName[];
  /** The tasks that run, of steps of which only a few do. */
  readonly unfinished: ReadonlyMap<StepName, readonly TaskId[]>;
  /** Hashes of the two packages. */
  readonly code: { readonly from: string; readonly to: string };
};

type PlannedStep = ResumePlan["steps"][number];

export function planLines(plan: ResumePlan, context: PlanContext): readonly string[] {
  const reused = plan.steps.filter((step) => step.reuse > 0);
  const running = plan.steps.filter((step) => step.run !== 0);
  return [
    `Resume plan for ${context.paint.bold(plan.origin)}  (a new run)`,
    ...(reused.length === 0
      ? []
      : [`  ${context.paint.green("reuse")}   ${reused.map(reuseText).join(", ")}      artifacts by reference, 0 B copied`]),
    ...(running.length === 0
      ? ["  run     nothing: everything succeeded and is unchanged"]
      : [`  ${context.paint.cyan("run")}     ${running.map((step) => runText(step, context)).join(", ")}`]),
    ...whyLines(running),
    ...changeLines(context),
  ];
}

/** Steps with the same reason share a line. */
function whyLines(steps: readonly PlannedStep[]): readonly string[] {
  const reasons = Map.groupBy(
    steps.filter((step) => step.why !== null),
    (step) => step.why,
  );
  return [...reasons].map(([why, some]) => `  why     ${some.map((step) => step.step).join(", ")}: ${why}`);
}

function reuseText(step: PlannedStep): string {
  if (step.run === 0 && step.reuse === 1) return step.step;
  return `${step.step} ${step.reuse}${step.run === null ? "" : `/${step.reuse + step.run}`}`;
}

function runText(step: PlannedStep, { unfinished }: PlanContext): string {
  if (step.run === null || (step.run === 1 && step.reuse === 0)) return step.step;
  const indexes = (unfinished.get(step.step) ?? []).map((task) => task.slice(step.step.length + 1));
  return `${step.step} ${step.run}/${step.reuse + step.run}${indexes.length === 0 ? "" : ` (${indexes.join(", ")})`}`;
}

function changeLines(context: PlanContext): readonly string[] {
  const codes = `(${context.code.from.slice(0, 7)} → ${context.code.to.slice(0, 7)})`;
  if (context.file === null) return ["  code    the origin's, as it was"];
  return context.changedSteps.map(
    (step) => `  ${context.paint.yellow("changed")} ${context.file} step \`${step}\` differs from the original code ${codes}`,
  );
}
