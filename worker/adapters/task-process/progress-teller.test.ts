import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { ProgressTeller } from "./progress-teller.ts";

function told(body: (teller: ProgressTeller, pass: (ms: number) => void) => void): readonly string[] {
  const lines: string[] = [];
  let nowMs = 5000;
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(performance, "now", () => nowMs);
  try {
    const pass = (ms: number): void => {
      nowMs += ms;
      mock.timers.tick(ms);
    };
    body(new ProgressTeller((line) => lines.push(line)), pass);
    return lines;
  } finally {
    mock.timers.reset();
    mock.restoreAll();
  }
}

const at = (done: number) => ({ done, total: 100, message: null });

test("the first word is told at once, what follows at most once a second, the last word always", () => {
  const lines = told((teller, pass) => {
    for (let done = 1; done <= 25; done++) {
      teller.tell(at(done));
      pass(100);
    }
    teller.finish();
  });
  assert.deepEqual(lines, ["progress 1/100", "progress 10/100", "progress 20/100", "progress 25/100"]);
});

test("a step that falls silent is told of when the second is over, and not again", () => {
  const lines = told((teller, pass) => {
    teller.tell(at(1));
    teller.tell(at(2));
    pass(1000);
    pass(5000);
    teller.finish();
  });
  assert.deepEqual(lines, ["progress 1/100", "progress 2/100"]);
});

test("the next attempt in the same process begins anew", () => {
  const lines = told((teller) => {
    teller.tell(at(1));
    teller.finish();
    teller.tell(at(0));
  });
  assert.deepEqual(lines, ["progress 1/100", "progress 0/100"]);
});
