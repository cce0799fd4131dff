// What the steps of a matrix flow do, whatever its shape.

import type { Behaviour } from "./flow-source.ts";
import type { ShapeStep } from "./shapes.ts";

const countVisits = (step: ShapeStep): string =>
  step.role === "start"
    ? "this.visits = 1;"
    : step.role === "join"
      ? "this.visits = inputs.reduce((sum, input) => sum + input.visits, 0) + 1;"
      : "this.visits += 1;";

const mayCatch = (step: ShapeStep): boolean => ["linear", "join", "branch", "start", "end"].includes(step.role);

/** Artifacts travel through every kind of step, and a join sees its inputs in order. */
export const artifacts: Behaviour = {
  name: "artifacts",
  fields: ["declare visits: number;", "declare order: readonly number[];", 'kind = "constant";'],
  decorators: () => "",
  body: (step) =>
    countVisits(step) +
    (step.role === "join" ? " this.order = inputs.map((input, i) => input.visits * 0 + i);" : "") +
    ' if (this.kind !== "constant") throw new Error("the constant is gone");',
};

/** What the inputs agree on merges, what they don't is refused as a whole. */
export const merge: Behaviour = {
  name: "merge",
  fields: ["declare visits: number;", "declare common: { deep: number[] };", "declare own: string;", "declare refusals: number;"],
  decorators: () => "",
  body: (step) => {
    if (step.role === "start") return 'this.visits = 1; this.common = { deep: [1, 2, 3] }; this.own = "start"; this.refusals = 0;';
    if (step.role !== "join") return `this.visits += 1; this.own = \`${step.name} \${current.task}\`;`;
    return [
      "let refused = 0;",
      "try { this.mergeArtifacts(inputs, { exclude: ['visits', 'refusals'] }); } catch { refused = 1; }",
      "if (refused === 1 && this.common !== undefined) throw new Error('a refused merge set something');",
      "if (refused === 1) this.mergeArtifacts(inputs, { include: ['common'] });",
      "this.visits = inputs.reduce((sum, input) => sum + input.visits, 0) + 1;",
      "this.refusals = inputs.reduce((sum, input) => sum + input.refusals, 0) + refused;",
      "this.own = 'merged';",
    ].join(" ");
  },
};

/** Every step fails at first, and what a failed attempt set is not seen. */
export const retry: Behaviour = {
  name: "retry",
  fields: ["declare visits: number;", "declare invisible?: boolean;"],
  decorators: () => "@retry({ times: 1, minutesBetween: 0 })",
  body: (step) =>
    `if (current.attempt === 0) { this.invisible = true; throw new Error("first attempt of ${step.name}"); }` +
    ` if (this.invisible) throw new Error("an artifact of a failed attempt is visible"); ${countVisits(step)}`,
};

function caught(name: string, fail: string, extra = ""): Behaviour {
  return {
    name,
    fields: ["declare visits: number;", "declare oops?: Error;"],
    decorators: (step) => (mayCatch(step) ? `@catchError({ var: "oops" }) ${extra}` : ""),
    // One task of each step is enough; the others of a foreach succeed beside it.
    body: (step) =>
      `${countVisits(step)} ${step.role === "linear" ? `if ((this.foreachStack().at(-1)?.index ?? 0) === 0) { ${fail} }` : ""}`,
  };
}

/** Exceptions become values, and what was set before stays. */
export const catchException = caught("catch_exception", 'throw new TypeError("on purpose");');

/** A process that dies takes its artifacts along; the inherited ones stay. */
export const catchKill = caught("catch_kill", 'process.kill(process.pid, "SIGKILL"); await new Promise(() => {});');

/** A step that waits hears of its time-out, and keeps what it has set. */
export const catchTimeout = caught(
  "catch_timeout",
  "await new Promise((resolve) => setTimeout(resolve, 60_000));",
  "@timeout({ seconds: 1 })",
);

/** Fails in the step that `FAIL_AT` names. */
export const resume: Behaviour = {
  name: "resume",
  fields: ["declare visits: number;"],
  decorators: () => "",
  body: (step) =>
    `if (process.env["FAIL_AT"] === "${step.name}" && (this.foreachStack().at(-1)?.index ?? 0) === 0) throw new Error("asked to fail"); ${countVisits(step)}`,
};

/** Prints, as `LINES` says, in every step. */
export const logs: Behaviour = {
  name: "logs",
  fields: ["declare visits: number;"],
  decorators: () => "",
  body: (step) =>
    `for (let i = 0; i < Number(process.env["LINES"]); i++) console.log(\`${step.name} \${current.task} \${i} äß漢\`);` +
    ` console.error("complaint of ${step.name}"); ${countVisits(step)}`,
};

export const parameters: Behaviour = {
  name: "parameters",
  fields: [
    'rate = parameter.number({ default: 0.5, help: "a rate" });',
    'words = parameter.json({ default: { a: [1] }, help: "some JSON" });',
    'required = parameter.string({ required: true, help: "must be given" });',
    "declare visits: number;",
    "declare seen: string;",
  ],
  decorators: () => "",
  body: (step) =>
    `this.seen = \`\${this.rate} \${JSON.stringify(this.words)} \${this.required}\`;` +
    ` try { Object.assign(this, { rate: 2 }); throw new RangeError("changed"); } catch (error) { if (error instanceof RangeError) throw error; } ${countVisits(step)}`,
};
