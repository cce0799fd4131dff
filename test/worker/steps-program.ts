// A program for task processes whose steps are plain JavaScript: the process's own loop around every way to end, to hang,
// to print and to leave things behind. Most steps print their process's number, so that a test can tell one from another.

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const serve = fileURLToPath(new URL("../../worker/adapters/task-process/serve.ts", import.meta.url));

const source = `
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { TaskServer } from ${JSON.stringify(serve)};
const failureOf = (error) => ({ kind: "userError", name: error.name, message: error.message, stack: error.stack, place: null });
const forever = () => new Promise((resolve) => setTimeout(resolve, 2 ** 30));
const steps = {
  pid() { console.log(process.pid); },
  burst(attempt) { for (let i = 0; i < 50; i += 1) process.stdout.write(attempt.order.text + " " + i + (i === 49 ? "" : "\\n")); },
  whisper(attempt) { attempt.hide(["sesame"]); process.stdout.write("open ses"); process.stdout.write("ame\\n"); spawn("sh", ["-c", "echo child says sesame"], { stdio: "inherit" }); },
  flood() { const line = "x".repeat(99) + "\\n"; for (let i = 0; i < 50 * 10240; i += 1) process.stdout.write(line); },
  exit() { console.log("last words"); process.exit(Number(0)); },
  abort() { process.abort(); },
  heap() { const all = []; for (;;) all.push(new Array(1e6).fill(1.5)); },
  async swell({ order }) { globalThis.held = Buffer.alloc(order.sizeMiB * 2 ** 20, 1); await forever(); },
  swellAndGo({ order }) { Buffer.alloc(order.sizeMiB * 2 ** 20, 1); const until = Date.now() + 300; while (Date.now() < until); console.log(process.pid); },
  async swellElsewhere({ order }) {
    spawn(process.execPath, ["-e", "globalThis.held = Buffer.alloc(" + order.sizeMiB + " * 2 ** 20, 1); setInterval(() => {}, 1000)"], { stdio: "ignore" });
    await forever();
  },
  throws() { throw new RangeError("too far"); },
  reject() { void Promise.reject(new Error("nobody waits")); },
  async throwsLater() { setTimeout(() => { throw new Error("in a timer"); }, 1); await forever(); },
  block() { console.log("blocking", process.pid); for (;;); },
  async hang() { console.log("hanging", process.pid); await forever(); },
  async keep(attempt) { attempt.codeReturned(); console.log("keeping", process.pid); await new Promise((resolve) => setTimeout(resolve, attempt.order.keepMs)); },
  async tidy(attempt) {
    await new Promise((resolve) => attempt.signal.addEventListener("abort", resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
    console.log("tidied up");
  },
  stubborn() { process.on("SIGTERM", () => {}); console.log("blocking", process.pid); for (;;); },
  leak(attempt) { new Function("process", "console", attempt.order.code)(process, console); console.log(process.pid); },
  temp(attempt) { writeFileSync(attempt.tempDir() + "/x", "x", { flag: "wx" }); console.log(process.pid); },
  async tempAndHang(attempt) { steps.temp(attempt); await forever(); },
  async asks() { const { message } = await server.askBlobs({ kind: "makeRoom" }); console.log(message); },
  family() {
    const inGroup = spawn("sleep", ["1000"], { stdio: "inherit" });
    const away = spawn("sleep", ["1000"], { stdio: "ignore", detached: true });
    away.unref(); inGroup.unref();
    console.log(process.pid, inGroup.pid, away.pid);
  },
  async familyHangs() { steps.family(); await forever(); },
};
const execution = {
  provide(bytes) { steps.provided = () => console.log(Buffer.from(bytes).toString()); },
  async execute(attempt) {
    const usage = { startedAtMs: 0, finishedAtMs: 0, cpuMs: 0, peakMiB: 0 };
    try {
      const aborted = new Promise((resolve) => attempt.signal.addEventListener("abort", () => setTimeout(resolve, attempt.settleMs())));
      await Promise.race([steps[attempt.order.step](attempt), aborted]);
      return { kind: "succeeded", taken: { kind: "end" }, artifacts: {}, usage };
    } catch (error) {
      return { kind: "failed", failure: failureOf(error), artifacts: {}, usage };
    }
  },
  failureOf,
};
const server = new TaskServer({ tempDir: process.argv[3], use: process.argv[4], execution, beforeReport() {} });
server.start();
`;

export async function buildStepsProgram(outfile: string): Promise<void> {
  const stdin = { contents: source, resolveDir: dirname(serve), loader: "js" } as const;
  await build({ stdin, bundle: true, platform: "node", format: "cjs", target: "node22", outfile, logLevel: "error" });
}
