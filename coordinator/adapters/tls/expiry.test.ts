import assert from "node:assert/strict";
import { test } from "node:test";
import { TestLog } from "../../../test/coordinator/harness.ts";
import { ManualClock } from "../manual-clock.ts";
import { makeAuthority } from "./certificate.ts";
import { expiryDays, watchExpiry } from "./expiry.ts";

const dayMs = 86_400_000;

test("a certificate that ends is told of each day from 30 days before its end on, and while it has ended", () => {
  const clock = new ManualClock();
  const log = new TestLog();
  const { cert } = makeAuthority("test", { fromMs: clock.nowMs(), days: 40 });
  const stop = watchExpiry({ cert, remedy: "make another", clock, log });
  const told = (): readonly unknown[] => log.entries.map(({ level, fields }) => `${level} ${String(fields["days_left"])}`);
  for (let day = 1; day <= 40 - expiryDays; day += 1) clock.advance(dayMs);
  assert.deepEqual(told(), []);
  for (let day = 1; day <= 3; day += 1) clock.advance(dayMs);
  assert.deepEqual(told(), ["warn 29", "warn 28", "warn 27"]);
  for (let day = 1; day <= 28; day += 1) clock.advance(dayMs);
  assert.equal(told().at(-1), "error -1");
  assert.match(log.entries.at(-1)?.message ?? "", /has ended, and nobody can connect: make another/);
  stop();
  const count = log.entries.length;
  clock.advance(dayMs);
  assert.equal(log.entries.length, count);
});
