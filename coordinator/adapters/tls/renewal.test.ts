import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TestLog } from "../../../test/coordinator/harness.ts";
import type { ServerTls } from "../../api/server-tls.ts";
import { ManualClock } from "../manual-clock.ts";
import { openAuthority } from "./authority.ts";
import { makeAuthority } from "./certificate.ts";
import { expiryDays, RenewedTls } from "./renewal.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

function opened(load: (nowMs: number) => ServerTls): { readonly clock: ManualClock; readonly log: TestLog; readonly renewed: RenewedTls } {
  const clock = new ManualClock();
  const log = new TestLog();
  return { clock, log, renewed: new RenewedTls({ load: () => load(clock.nowMs()), remedy: "make another", clock, log }) };
}

test("a certificate that ends is told of each day from 30 days before its end on, and while it has ended", () => {
  const made = makeAuthority("test", { fromMs: new ManualClock().nowMs(), days: 40 });
  const { clock, log, renewed } = opened(() => ({ ...made, clientCa: null }));
  const told = (): readonly unknown[] => log.entries.map(({ level, fields }) => `${level} ${String(fields["days_left"])}`);
  for (let day = 1; day <= 40 - expiryDays; day += 1) clock.advance(dayMs);
  assert.deepEqual(told(), []);
  for (let hour = 1; hour <= 3 * 24; hour += 1) clock.advance(hourMs);
  assert.deepEqual(told(), ["warn 29", "warn 28", "warn 27"]);
  for (let day = 1; day <= 28; day += 1) clock.advance(dayMs);
  assert.equal(told().at(-1), "error -1");
  assert.match(log.entries.at(-1)?.message ?? "", /has ended, and nobody can connect: make another/);
  renewed.close();
  const count = log.entries.length;
  clock.advance(dayMs);
  assert.equal(log.entries.length, count);
});

test("an authority's own certificate is made anew in time, and all who show it are told", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "stepwell-tls-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const { clock, log, renewed } = opened((nowMs) => openAuthority({ folder, names: [], nowMs, clientCertificates: false }).server);
  const shown: string[] = [];
  renewed.tls.onRenewed?.(({ cert }) => shown.push(cert));
  for (let day = 1; day <= 540; day += 1) clock.advance(dayMs);
  assert.equal(shown.length, 0);
  for (let day = 1; day <= 10; day += 1) clock.advance(dayMs);
  assert.equal(shown.length, 1);
  assert.notEqual(shown[0], renewed.tls.cert);
  assert.deepEqual(
    log.entries.map(({ fields }) => fields["event"]),
    ["tls.renewed"],
  );
});

test("a certificate without its key, or none at all, is not shown, and what was shown before stays", () => {
  const [one, other] = ["one", "other"].map((name) => makeAuthority(name, { fromMs: new ManualClock().nowMs(), days: 400 }));
  assert.ok(one !== undefined && other !== undefined);
  let given: (() => ServerTls) | null = null;
  const { clock, log, renewed } = opened(() => given?.() ?? { ...one, clientCa: null });
  const shown: string[] = [];
  renewed.tls.onRenewed?.(({ key }) => shown.push(key));
  const half = (): ServerTls => ({ cert: other.cert, key: one.key, clientCa: null });
  const missing = (): ServerTls => {
    throw new Error("no such file");
  };
  for (given of [half, missing]) clock.advance(hourMs);
  assert.deepEqual(
    log.entries.map(({ level, fields }) => `${level} ${String(fields["event"])}`),
    ["warn tls.notRenewed", "warn tls.notRenewed"],
  );
  assert.deepEqual(shown, []);
  given = () => ({ ...other, clientCa: null });
  clock.advance(hourMs);
  assert.deepEqual(shown, [other.key]);
});
