// Bugs made by hand, each put into a copy of the core: does the simulation see it? Prints a table; fails where one lives on.

import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

type Mutant = { readonly rule: string; readonly file: string; readonly from: string; readonly to: string };

const schedules = process.env["SCHEDULES"] ?? "4000";
const root = new URL("../..", import.meta.url).pathname;

const mutants: readonly Mutant[] = [
  {
    rule: "an outcome under an old lease is refused",
    file: "decide.ts",
    from: "current?.attempt === attempt && current.lease === lease",
    to: "current?.attempt === attempt",
  },
  {
    rule: "an attempt starts only if it is the current one",
    file: "decide.ts",
    from: `task.state.kind !== "ready" || currentAttempt(task) !== attempt`,
    to: `task.state.kind !== "ready"`,
  },
  { rule: "no more tasks run than may", file: "state.ts", from: "state.running.size < ", to: "state.running.size <= " },
  {
    rule: "what becomes ready while the run stops is cancelled",
    file: "follow.ts",
    from: "if (state.stopping !== null) return move",
    to: "if (state.seq < 0) return move",
  },
  {
    rule: "a stop reaches what runs",
    file: "advance.ts",
    from: "for (const task of state.running) effects.push(stopOf(task, stopping.by));",
    to: "",
  },
  { rule: "a stop cancels what backs off", file: "advance.ts", from: "[...state.ready, ...state.backingOff]", to: "[...state.ready]" },
  {
    rule: "a join waits for its last input",
    file: "follow.ts",
    from: "split.arrived === split.arrivals.length",
    to: "split.arrived >= split.arrivals.length - 1",
  },
  {
    rule: "an empty foreach goes to its join",
    file: "follow.ts",
    from: "if (width === 0) return launch",
    to: "if (width < 0) return launch",
  },
  {
    rule: "the join of a split sits outside it",
    file: "follow.ts",
    from: "const seat = split.opener.seat;",
    to: "const seat = from.seat;",
  },
  {
    rule: "a retry with a wait backs off",
    file: "advance.ts",
    from: "if (fate.delayMs === 0) return",
    to: "if (fate.delayMs >= 0) return",
  },
  { rule: "a back-off sets its timer", file: "advance.ts", from: `work.effects.push({ kind: "setTimer"`, to: `[].push({ kind: "setTimer"` },
  { rule: "a loss is tried again at once, and then later", file: "decide.ts", from: "task.losses)", to: "0)" },
  { rule: "the wait after losses grows", file: "loss-wait.ts", from: "2 ** (earlier - 1)", to: "1" },
  { rule: "the wait grows", file: "fate.ts", from: "policy.backoff ** earlier", to: "1" },
  { rule: "the wait is bounded", file: "fate.ts", from: "Math.min(policy.minutesBetween", to: "Math.max(policy.minutesBetween" },
  { rule: "a failure uses up a retry", file: "advance.ts", from: "task.userFailures += 1", to: "task.userFailures += 0" },
  {
    rule: "the last retry is a retry",
    file: "fate.ts",
    from: "task.userFailures >= policy.times",
    to: "task.userFailures + 1 >= policy.times",
  },
  {
    rule: "a loss does not use up a retry",
    file: "advance.ts",
    from: `if (account === "user") task.userFailures`,
    to: `if (account !== "none") task.userFailures`,
  },
  {
    rule: "what went back uses up nothing",
    file: "advance.ts",
    from: `else if (account === "infrastructure") task.losses`,
    to: `else if (account !== "none") task.losses`,
  },
  { rule: "losses have a budget", file: "fate.ts", from: "task.losses < state.submitted.options.lossesMax", to: "task.losses < 1e9" },
  { rule: "a retry in place gives a fresh budget", file: "advance.ts", from: "    task.userFailures = 0;\n", to: "" },
  { rule: "a retry in place opens the run again", file: "advance.ts", from: "  state.finishedAtMs = null;\n", to: "" },
  { rule: "only listed kinds are retried", file: "fate.ts", from: "!policy.on.includes(failure.kind)", to: "policy.on.length === 0" },
  { rule: "what a caught attempt had set is kept", file: "advance.ts", from: "{ ...event.artifacts, [name]:", to: "{ [name]:" },
  { rule: "an uncatchable failure is not caught", file: "fate.ts", from: " && failureRules[failure.kind].catchable", to: "" },
  { rule: "a wrong transition is refused", file: "decide.ts", from: "if (objection !== null)", to: "if (objection === '')" },
  {
    rule: "the order of a branch's targets counts",
    file: "transition.ts",
    from: "planned.to.every((to, i) => taken.to[i] === to)",
    to: "planned.to.every((to) => taken.to.includes(to))",
  },
  { rule: "a foreach is not too wide", file: "transition.ts", from: "count <= splitsMax", to: "count <= splitsMax + 1" },
  { rule: "an artifact set later hides an earlier one", file: "visible.ts", from: "{ ...below, ...above }", to: "{ ...above, ...below }" },
  {
    rule: "a join in between hides what was before it",
    file: "visible.ts",
    from: "cut ? Object.keys(base)",
    to: "!cut && cut ? Object.keys(base)",
  },
  {
    rule: "the join of an empty foreach sees what was before",
    file: "visible.ts",
    from: "source.split.arrivals.length === 0 ? source.split.opener : null",
    to: "source.split.arrivals.length < 0 ? source.split.opener : null",
  },
  { rule: "only equal values are left to the base", file: "visible.ts", from: "sameValue(a, b)", to: "a.kind === b.kind" },
  { rule: "a task is named by all its indexes", file: "state.ts", from: "at = at.split.opener.seat) if", to: "at = null) if" },
  {
    rule: "failFast stops the others",
    file: "advance.ts",
    from: "if (state.submitted.options.failFast) stop",
    to: "if (state.seq < 0) stop",
  },
  {
    rule: "what an unreached step's twin did is not reused",
    file: "resume.ts",
    from: "if (met === inputs) reached.push(child);",
    to: "if (met === 1) reached.push(child);",
  },
  { rule: "what is after a changed step runs again", file: "resume.ts", from: "reachableFrom([seed], targets)", to: "[seed]" },
  {
    rule: "what reads a changed parameter runs again",
    file: "resume.ts",
    from: "for (const step of readers ?? [])",
    to: "for (const step of [])",
  },
  {
    rule: "caught tasks run again on request",
    file: "resume.ts",
    from: "state.caught !== null && request.resume.rerunCaught",
    to: "state.caught === null && request.resume.rerunCaught",
  },
  {
    rule: "recovery sets timers again",
    file: "effect.ts",
    from: "for (const task of state.backingOff)",
    to: "for (const task of new Set<Task>())",
  },
  {
    rule: "recovery stops what is to stop",
    file: "effect.ts",
    from: "for (const task of state.running)",
    to: "for (const task of new Set<Task>())",
  },
];

async function survives(mutant: Mutant): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), "stepwell-mutant-"));
  try {
    for (const part of ["proto", "coordinator/core", "test/simulation", "package.json"])
      await cp(join(root, part), join(folder, part), { recursive: true });
    const path = join(folder, "coordinator/core", mutant.file);
    const source = await readFile(path, "utf8");
    if (source.split(mutant.from).length !== 2) throw new Error(`${mutant.file} has "${mutant.from}" not exactly once`);
    await writeFile(path, source.replace(mutant.from, mutant.to));
    return await play(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** How the simulation failed; null where it did not. */
function play(folder: string): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const environment = { PATH: process.env["PATH"], SCHEDULES: schedules };
  const options = { cwd: folder, env: environment, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 };
  execFile(process.execPath, ["test/simulation/simulation.test.ts"], options, (error, stdout) => {
    if (error === null) resolve(null);
    else resolve(/schedule \d+ failed/.exec(stdout)?.[0] ?? "did not end in time");
  });
  return promise;
}

const rows: string[] = [];
const alive: string[] = [];
const queue = [...mutants];

async function work(): Promise<void> {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const seen = await survives(mutant);
    if (seen === null) alive.push(mutant.rule);
    rows.push(`| ${mutant.rule} | ${mutant.file} | ${seen === null ? "**lives**" : `killed: ${seen}`} |`);
  }
}

await Promise.all([work(), work()]);
console.log(["| rule that the mutant breaks | file | |", "| --- | --- | --- |", ...rows.toSorted()].join("\n"));
console.log(`\n${mutants.length - alive.length} of ${mutants.length} killed by ${schedules} schedules`);
process.exitCode = alive.length === 0 ? 0 : 1;
