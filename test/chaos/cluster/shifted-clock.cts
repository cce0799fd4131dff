// Loaded into a coordinator or a worker before its own code: its wall clock jumps by what stands in a file, while it runs. What
// measures time without the wall clock is left alone, as by a clock that is set.

import type { readFileSync as ReadFileSync } from "node:fs";

const { readFileSync } = require("node:fs") as { readonly readFileSync: typeof ReadFileSync };
const file = process.env["STEPWELL_TEST_CLOCK"];

// Task processes are started with the same environment; their clock has no say in anything.
if (file !== undefined && process.argv[1]?.endsWith("bin.cjs")) {
  const SystemDate = Date;
  let shiftMs = 0;
  const look = (): void => {
    try {
      shiftMs = Number(readFileSync(file, "utf8"));
    } catch {
      shiftMs = 0;
    }
  };
  look();
  setInterval(look, 100).unref();
  const now = (): number => SystemDate.now() + shiftMs;
  globalThis.Date = new Proxy(SystemDate, {
    construct: (target, given: unknown[], as) => Reflect.construct(target, given.length === 0 ? [now()] : given, as) as Date,
    get: (target, name, receiver) => (name === "now" ? now : Reflect.get(target, name, receiver)),
  });
}
