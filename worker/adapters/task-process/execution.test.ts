import assert from "node:assert/strict";
import { test } from "node:test";
import { orderFor, store } from "../../../test/attempt.ts";
import { PackageExecution } from "./execution.ts";

test("an attempt whose secret was lost is not begun, and says which one and what to do", async () => {
  const order = await orderFor("PlainFlow", "start", { secrets: ["rate", "token"] });
  const hidden: (readonly string[])[] = [];
  const outcome = await new PackageExecution(store).execute({
    order,
    signal: new AbortController().signal,
    tempDir: () => assert.fail("no step runs"),
    settleMs: () => 0,
    tell: () => undefined,
    hide: (secrets) => hidden.push(secrets),
    codeReturned: () => assert.fail("no step runs"),
  });
  assert.ok(outcome.kind === "failed");
  assert.deepEqual(outcome.failure, {
    kind: "start",
    message:
      "the attempt cannot be set up: secret parameter token of PlainFlow/7: its value is kept no longer. " +
      "Give it again, in STEPWELL_PARAM_TOKEN or a file for --params, to stepwell resume PlainFlow/7",
  });
  assert.equal(hidden.length, 1);
});
