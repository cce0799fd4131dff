import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { LogText } from "../../sdk/wire/worker-items.ts";
import { AttemptLog, defaultLogLimits, lineBytesMax } from "./attempt-log.ts";

function collect(limits = defaultLogLimits): { readonly log: AttemptLog; readonly lines: LogText[] } {
  const lines: LogText[] = [];
  return { log: new AttemptLog((more) => lines.push(...more), limits === undefined ? {} : { limits }), lines };
}

const texts = (lines: readonly LogText[]): readonly string[] => lines.map((line) => line.text);

test("lines come out whole wherever the bytes were cut, also inside a character", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), fc.array(fc.nat({ max: 7 }), { minLength: 1 }), (parts, cuts) => {
      const expected = parts.map((part) => part.replaceAll(/[\r\n]/g, " "));
      const { log, lines } = collect();
      const bytes = Buffer.from(expected.map((line) => `${line}\n`).join(""));
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const length = 1 + (cuts[turn % cuts.length] ?? 0);
        log.write("stdout", bytes.subarray(at, at + length), 5);
        at += length;
      }
      log.end(6);
      assert.deepEqual(
        texts(lines),
        expected.map((line) => Buffer.from(line).toString()),
      );
    }),
    { numRuns: 300 },
  );
});

test("a last line without an end is a line, and a line end of Windows is one line end", () => {
  const { log, lines } = collect();
  log.write("stdout", Buffer.from("a\r\nb"), 1);
  log.end(2);
  assert.deepEqual(texts(lines), ["a", "b"]);
});

test("lines carry the stream and the time of their bytes", () => {
  const { log, lines } = collect();
  log.write("stdout", Buffer.from("a\n"), 1);
  log.write("stderr", Buffer.from("b\n"), 2);
  assert.deepEqual(lines, [
    { stream: "stdout", atMs: 1, text: "a" },
    { stream: "stderr", atMs: 2, text: "b" },
  ]);
});

test("a line longer than the limit is cut between characters", () => {
  const { log, lines } = collect();
  const long = "x" + "é".repeat(lineBytesMax);
  log.write("stdout", Buffer.from(`${long}\n`), 1);
  log.end(2);
  assert.ok(lines.every((line) => Buffer.byteLength(line.text) <= lineBytesMax));
  assert.equal(texts(lines).join(""), long);
});

test("at the limit nothing is dropped, above it the notice says how much", () => {
  const limits = { headBytes: 100, headLines: 1000, tailBytes: 64 * 1024, tailLines: 100_000 };
  const within = collect(limits);
  within.log.write("stdout", Buffer.alloc(100 + 64 * 1024, "123456789\n"), 1);
  within.log.end(2);
  assert.ok(within.lines.every((line) => line.stream === "stdout"));

  const above = collect(limits);
  for (let count = 0; count < 20; count += 1) above.log.write("stdout", Buffer.alloc(64_000, "123456789\n"), count);
  above.log.end(99);
  const notice = above.lines.find((line) => line.stream === "system");
  const dropped = Number(/^stepwell: (\d+) lines/.exec(notice?.text ?? "")?.[1]);
  assert.equal(above.lines.filter((line) => line.text === "123456789").length + dropped, (20 * 64_000) / 10);
  assert.equal(above.lines.indexOf(notice ?? { stream: "system", atMs: 0, text: "" }), 10);
  assert.equal(above.lines.at(-1)?.atMs, 19);
});

test("a flood is held in bounded memory, also where it is many short lines on both streams", () => {
  let emitted = 0;
  const log = new AttemptLog((lines) => {
    emitted += lines.length;
  });
  const chunk = Buffer.alloc(64 * 1024, "\n");
  const before = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 800; count += 1) log.write(count % 2 === 0 ? "stdout" : "stderr", chunk, 1);
  const held = process.memoryUsage().arrayBuffers - before;
  assert.ok(held < 16 * 1024 * 1024, `${held} bytes held`);
  log.end(2);
  assert.ok(emitted <= defaultLogLimits.headLines + 2 * 64 * 1024, `${emitted} lines`);
});

test("G4: secrets are hidden in every line, wherever chunks were cut, and nothing is passed on before they are known", () => {
  const texts: string[] = [];
  const log = new AttemptLog((lines) => texts.push(...lines.map((line) => line.text)), { hasSecrets: true });
  log.write("stdout", Buffer.from("key ses"), 1);
  log.write("stdout", Buffer.from("ame\nnext "), 1);
  assert.deepEqual(texts, []);
  log.hide(["sesame"]);
  assert.deepEqual(texts, ["key ****"]);
  log.write("stdout", Buffer.from("sesame"), 2);
  log.tell("progress 1/2 sesame", 2);
  log.end(3);
  assert.deepEqual(texts, ["key ****", "progress 1/2 ****", "next ****"]);
});

test("G4: what a process that never said its secrets had printed is passed on at the end", () => {
  const texts: string[] = [];
  const log = new AttemptLog((lines) => texts.push(...lines.map((line) => line.text)), { hasSecrets: true });
  log.write("stderr", Buffer.from("cannot load\n"), 1);
  log.end(2);
  assert.deepEqual(texts, ["cannot load"]);
});
