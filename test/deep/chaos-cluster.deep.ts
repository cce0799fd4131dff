// The long form of `npm run test:chaos`: each part of a cluster killed while a flow of 10,000 tasks runs, clients that meddle for
// a minute, and half an hour of rounds. SEED=N plays other ones; CHAOS_MINUTES=0 leaves all of it out, for who has run the short form.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { test } from "node:test";

const program = join(import.meta.dirname, "../chaos/cluster/main.ts");
const minutesMax = 90;
const minutes = process.env["CHAOS_MINUTES"] ?? "30";
const options = { timeout: minutesMax * 60_000, skip: minutes === "0" };

void test("clusters under faults lose nothing, accept nothing twice, and leave nothing", options, async (context) => {
  const seed = process.env["SEED"] ?? String(Math.floor(Math.random() * 1_000_000));
  const words = ["--minutes", minutes, "--tasks", "10000", "--clients", "60", "--seed", seed];
  const child = spawn(process.execPath, [program, ...words], { stdio: ["ignore", "pipe", "inherit"] });
  context.after(() => child.kill("SIGTERM"));
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) context.diagnostic(line);
  const [code] = (await ended) as [number | null];
  assert.equal(code, 0, "the lines above say what was wrong");
});
