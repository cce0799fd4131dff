// Measures code packages: fresh module state for a task against the limit that the rates of tasks leave for it, and the
// check of a flow, which every run begins with.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkFlow } from "../sdk/graph/check-flow.ts";
import * as stepwell from "../sdk/index.ts";
import { atMost, quick } from "./figure.ts";
import { openPackage } from "../sdk/package/code-package.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-bench-"));
const examples = new URL("../examples/", import.meta.url).pathname;

try {
  const large = writeLargeFlow();
  const chain = writeChain(quick ? 100 : 2_000);
  await benchFresh("hello.ts, 6 KB", join(examples, "hello.ts"), { rounds: quick ? 200 : 20_000, limitMicroseconds: 30 });
  await benchFresh("1,300 functions, 400 KB", large, { rounds: quick ? 20 : 1_000, limitMicroseconds: 2_000 });
  await benchCheck("hello.ts", join(examples, "hello.ts"), 50);
  await benchCheck("chain of 2,000 steps", chain, 1_500);
} finally {
  rmSync(folder, { recursive: true });
}

type Goal = { readonly rounds: number; readonly limitMicroseconds: number };

async function benchFresh(what: string, file: string, { rounds, limitMicroseconds }: Goal): Promise<void> {
  const opened = openPackage(await packageOf(file), { stepwell });
  const times = Array.from({ length: 5 }, () => {
    const startMs = performance.now();
    for (let i = 0; i < rounds; i++) opened.freshFlow();
    return ((performance.now() - startMs) / rounds) * 1_000;
  });
  atMost(1, { figure: `fresh module state, ${what}`, value: Math.min(...times), unit: "us", limit: limitMicroseconds });
}

/** The first check of a process also loads the bundler, so it is measured apart. */
async function benchCheck(what: string, file: string, limitMilliseconds: number): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const startMs = performance.now();
    await packageOf(file);
    times.push(performance.now() - startMs);
  }
  atMost(1, { figure: `check, ${what}`, value: Math.min(...times), unit: "ms", limit: limitMilliseconds });
}

async function packageOf(file: string): Promise<Uint8Array> {
  const checked = await checkFlow(file);
  if (checked.package === null) throw new Error(JSON.stringify(checked.problems));
  return checked.package;
}

function writeLargeFlow(): string {
  const functions = Array.from(
    { length: 1_300 },
    (_, i) => `export function work${i}(x: number): number {
  let sum = ${i};
  for (let i = 0; i < x; i++) {
    sum += Math.sqrt(i * ${i}) + work${(i + 1) % 1_300}.length;
    sum = sum > 1_000 ? sum % 97 : sum + Math.abs(${i});
  }
  return sum + "some text that takes room in the bundle and says nothing ${i}".length;
}`,
  );
  writeFileSync(join(folder, "library.ts"), functions.join("\n"));
  return writeFlow("large.ts", [
    'import * as library from "./library.ts";',
    "export class LargeFlow extends FlowSpec {",
    "  @step start() { return this.next(this.end); }",
    "  @step end() { console.log(Object.keys(library).length); }",
    "}",
  ]);
}

function writeChain(length: number): string {
  const steps = Array.from(
    { length },
    (_, i) => `  @step step${i}() { this.count += 1; return this.next(this.${i + 1 < length ? `step${i + 1}` : "end"}); }`,
  );
  return writeFlow("chain.ts", [
    "export class ChainFlow extends FlowSpec {",
    "  declare count: number;",
    "  @step start() { this.count = 0; return this.next(this.step0); }",
    ...steps,
    "  @step end() {}",
    "}",
  ]);
}

function writeFlow(name: string, lines: readonly string[]): string {
  const file = join(folder, name);
  writeFileSync(file, ['import { FlowSpec, step } from "stepwell";', ...lines].join("\n"));
  return file;
}
