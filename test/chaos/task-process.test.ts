// Task processes that die, hang, flood, and leave others behind.

import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { flowWith } from "./step-flow.ts";
import { isAlive, Place, until } from "./started.ts";

const options = { timeout: 300_000 };
const once = "@retry({ times: 1, minutesBetween: 0 })";

void test("a task process that is killed while its step runs is a failure that a retry makes good", options, async () => {
  using place = new Place();
  place.write("flow.ts", flowWith({ decorators: once, work: `tell(process.pid); if (current.attempt === 0) await pause(1e6);` }));
  const started = place.start("run", "flow.ts", "--json");
  await until("the step", () => place.lines("told").length === 1);
  process.kill(Number(place.lines("told")[0]), "SIGKILL");
  const ran = await started.ended;
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal((JSON.parse(ran.stdout) as { tasks: { retried: number } }).tasks.retried, 1);
  assert.equal(place.lines("told").length, 3);
  await place.assertNothingLeft();
});

void test("a task process that is killed while it keeps an artifact leaves no part of it under a name", options, async () => {
  using place = new Place();
  const work = `this.big = new Uint8Array(200_000_000).fill(current.attempt); tell(process.pid);`;
  place.write("flow.ts", flowWith({ decorators: once, work }));
  const started = place.start("run", "flow.ts", "--json");
  await until("bytes in the store", () => blobsIn(place).some(({ size }) => size > 1_000_000));
  process.kill(Number(place.lines("told")[0]), "SIGKILL");
  const ran = await started.ended;
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(place.lines("told").length, 3);
  const named = blobsIn(place).filter(({ name }) => !name.startsWith("tmp/"));
  assert.ok(named.some(({ size }) => size >= 200_000_000));
  for (const { name, path } of named) assert.equal(hash("sha256", readFileSync(path)), name.replace("/", ""));
  await place.assertNothingLeft();
});

void test("a task process that is stopped goes on when it is continued", options, async () => {
  using place = new Place();
  place.write("flow.ts", flowWith({ work: `tell(process.pid); while (!told().includes("go")) await pause(20);` }));
  const started = place.start("run", "flow.ts");
  await until("the step", () => place.lines("told").length === 1);
  const pid = Number(place.lines("told")[0]);
  process.kill(pid, "SIGSTOP");
  await until("the process to stop", () => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
  place.write("told", `${pid}\ngo\n`);
  process.kill(pid, "SIGCONT");
  assert.equal((await started.ended).code, 0);
  assert.deepEqual(place.lines("told"), [String(pid), "go", "end"]);
  await place.assertNothingLeft();
});

for (const [how, work] of [
  ["stopped", `tell(process.pid); await pause(1e6);`],
  ["in an endless loop", `tell(process.pid); for (;;);`],
] as const) {
  void test(`a time-out reaches a task process that is ${how}`, options, async () => {
    using place = new Place();
    place.write("flow.ts", flowWith({ decorators: "@timeout({ seconds: 2 })", work }));
    const started = place.start("run", "flow.ts", "--json");
    await until("the step", () => place.lines("told").length === 1);
    const pid = Number(place.lines("told")[0]);
    if (how === "stopped") process.kill(pid, "SIGSTOP");
    const ran = await started.ended;
    assert.equal(ran.code, 1, ran.stderr);
    assert.equal((JSON.parse(ran.stdout) as { failure: { kind: string } }).failure.kind, "timeout");
    assert.ok(!isAlive(pid));
    await place.assertNothingLeft();
  });
}

const deaths: readonly (readonly [string, string, string, RegExp])[] = [
  ["process.exit(0) without a result", `process.exit(0);`, "exit", /code 0/],
  ["process.exit(7)", `process.exit(7);`, "exit", /code 7/],
  ["a segmentation fault", `process.kill(process.pid, "SIGSEGV"); await pause(1e6);`, "signal", /SIGSEGV/],
  ["an abort", `process.abort();`, "signal", /SIGABRT/],
  [
    "a rejection that nobody handles",
    `void Promise.reject(new RangeError("nobody cares")); await pause(1e6);`,
    "userError",
    /nobody cares/,
  ],
  ["an error in a timer", `setTimeout(() => { throw new RangeError("too late"); }, 1); await pause(1e6);`, "userError", /too late/],
  [
    "a heap that is exhausted",
    `const all: number[][] = []; for (;;) all.push(new Array(100_000).fill(Math.random()));`,
    "outOfMemory",
    /./,
  ],
];

for (const [what, work, kind, message] of deaths) {
  void test(`${what} fails the task as ${kind}, can be caught, and frees the slot`, options, async () => {
    using place = new Place();
    const decorators = `@environment({ vars: { NODE_OPTIONS: "--max-old-space-size=64" } })`;
    place.write("flow.ts", flowWith({ decorators, work }));
    const { status, failure } = await place.document("run", "flow.ts", "--max-workers", "1");
    assert.deepEqual([status, failure?.kind, failure?.task], ["failed", kind, "ChaosFlow/1/work/0"]);
    assert.match(failure?.message ?? "", message);
    place.write("flow.ts", flowWith({ decorators: `@catchError({ var: "error" }) ${decorators}`, work }));
    assert.equal((await place.document("run", "flow.ts", "--max-workers", "1")).status, "succeeded");
    assert.deepEqual(place.lines("told"), ["end"]);
    await place.assertNothingLeft();
  });
}

void test("a flood of 100 MB costs the command bounded memory, and its log says what was dropped", options, async () => {
  using place = new Place();
  const work = `const line = "x".repeat(999) + "\\n"; for (let at = 0; at < 100_000; at += 1) process.stdout.write(line);`;
  place.write("flow.ts", flowWith({ work }));
  const started = place.start("run", "flow.ts", "--logs", "none");
  let peakMiB = 0;
  await until("the end of the flood", () => {
    const status = readStatus(started.pid);
    peakMiB = Math.max(peakMiB, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
    return place.lines("told").length === 1 || !isAlive(started.pid);
  });
  assert.equal((await started.ended).code, 0);
  assert.ok(peakMiB > 0 && peakMiB < 300, `${peakMiB} MiB`);
  const { stdout } = await place.run("logs", "ChaosFlow/1/work");
  assert.match(stdout, /stepwell: \d+ lines/);
  assert.ok(stdout.length < 30_000_000);
  await place.assertNothingLeft();
});

void test("what a step leaves running ends before its task counts as done", options, async () => {
  using place = new Place();
  const work = `
    for (const command of ["setsid sleep 1000", "sleep 1000 & sleep 1000", "nohup sleep 1000"])
      tell(spawn("sh", ["-c", command + " & echo $! >> $PLACE/children"], { detached: true, stdio: "ignore" }).pid);
    while (readFileSync(process.env["PLACE"] + "/children", { encoding: "utf8", flag: "a+" }).split("\\n").length < 4) await pause(10);`;
  place.write("flow.ts", flowWith({ work }));
  assert.equal((await place.run("run", "flow.ts")).code, 0);
  const children = place.lines("children").map(Number);
  assert.equal(children.length, 3);
  assert.deepEqual(children.filter(isAlive), []);
  await place.assertNothingLeft();
});

type Blob = { readonly name: string; readonly path: string; readonly size: number };

/** What is in the folder of the artifacts, by name within it. */
function blobsIn(place: Place): readonly Blob[] {
  const folder = join(place.path, ".stepwell/artifacts");
  if (!place.has(".stepwell/artifacts")) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((name) => {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    return found?.isFile() === true ? [{ name, path, size: found.size }] : [];
  });
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}
