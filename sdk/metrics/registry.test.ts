import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseExposition, valueOf } from "../../test/metrics/exposition.ts";
import { watchProcess } from "./process-metrics.ts";
import { exponentialBuckets, Registry, seriesMax } from "./registry.ts";

test("a counter without labels is 0 before anything is counted; one with labels has its head", async () => {
  const registry = new Registry();
  const plain = registry.counter({ name: "plain_total", help: "Plain." });
  registry.counter({ name: "labelled_total", help: "Labelled.", labels: ["flow"] });
  assert.equal(
    await registry.text(),
    "# HELP plain_total Plain.\n# TYPE plain_total counter\nplain_total 0\n# HELP labelled_total Labelled.\n# TYPE labelled_total counter\n",
  );
  plain.add();
  plain.add({}, 4);
  assert.equal(valueOf(parseExposition(await registry.text()), "plain_total"), 5);
});

test("label values of any characters are read as they were", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 20 }), fc.double({ noNaN: true, min: 0 }), async (text, value) => {
      const registry = new Registry();
      registry.counter({ name: "odd_total", help: `Of\nany \\ kind: ${text}.`, labels: ["what"] }).add({ what: text }, value);
      assert.equal(valueOf(parseExposition(await registry.text()), "odd_total", { what: text }), value);
    }),
  );
});

test("a histogram's bucket holds what is not above its bound", async () => {
  const registry = new Registry();
  const seconds = registry.histogram({ name: "seconds", help: "Seconds.", buckets: exponentialBuckets(0.001, 10, 4) });
  for (const value of [0, 0.001, 0.0011, 0.5, 1, 1.01, 1000]) seconds.observe(value);
  const families = parseExposition(await registry.text());
  const counts = ["0.001", "0.01", "0.1", "1", "+Inf"].map((le) => valueOf(families, "seconds_bucket", { le }));
  assert.deepEqual(counts, [2, 3, 3, 5, 7]);
  assert.equal(valueOf(families, "seconds_count"), 7);
});

test("label values beyond the bound are counted together, those before it as before", async () => {
  const registry = new Registry();
  const counter = registry.counter({ name: "flows_total", help: "Flows.", labels: ["flow"] });
  for (let round = 0; round < 2; round += 1) for (let flow = 0; flow < seriesMax + 10; flow += 1) counter.add({ flow: `Flow${flow}` });
  const families = parseExposition(await registry.text());
  assert.equal(families.get("flows_total")?.samples.length, seriesMax + 1);
  assert.equal(valueOf(families, "flows_total", { flow: "_other" }), 20);
  assert.equal(valueOf(families, "flows_total", { flow: `Flow${seriesMax - 1}` }), 2);
});

test("a gauge is what was set at this reading; what is gone is not told any more", async () => {
  const registry = new Registry();
  const gauge = registry.gauge({ name: "workers", help: "Workers.", labels: ["state"] });
  let state = "ready";
  registry.onRead(() => gauge.set(3, { state }));
  assert.equal(valueOf(parseExposition(await registry.text()), "workers", { state: "ready" }), 3);
  state = "away";
  const families = parseExposition(await registry.text());
  assert.deepEqual(
    families.get("workers")?.samples.map(({ labels }) => labels),
    [{ state: "away" }],
  );
});

test("a process tells its memory, its time and its lag", async () => {
  const registry = new Registry();
  const end = watchProcess(registry, "1.2.3");
  const families = parseExposition(await registry.text());
  end();
  assert.ok(valueOf(families, "process_resident_memory_bytes") > 10_000_000);
  assert.ok(valueOf(families, "process_cpu_seconds_total") > 0);
  assert.ok(Math.abs(valueOf(families, "process_start_time_seconds") * 1000 - (Date.now() - performance.now())) < 60_000);
  assert.equal(valueOf(families, "stepwell_build_info", { version: "1.2.3", node: process.versions.node }), 1);
  assert.ok(valueOf(families, "stepwell_eventloop_lag_seconds", { quantile: "0.99" }) >= 0);
});
