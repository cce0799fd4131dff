// What one caller may ask for at most, at and above the limit.

import assert from "node:assert/strict";
import { test } from "node:test";
import { requestBytesMax } from "../../sdk/wire/channel-options.ts";
import { linear, submission } from "../coordinator/graphs.ts";
import { openBorder } from "./border.ts";

const options = { timeout: 30_000 };
const graph = linear(["start", "end"]);

test("a request larger than a message may be is refused with its size, and the next one is answered", options, async (context) => {
  const { client, token } = await openBorder(context);
  const runner = client({ token: token({ role: "runner" }) });
  const doc = "x".repeat(requestBytesMax);
  await assert.rejects(runner.submit({ ...submission(graph), user: doc }), { code: "invalid", message: /the request is too large/ });
  assert.match(await runner.submit(submission(graph)), /^Linear\//);
});

test("a user has 1,000 runs under way at most, and so has a namespace that a token is limited to", options, async (context) => {
  const { coordinator, client, token } = await openBorder(context);
  const { control } = coordinator;
  const runs = await Promise.all(Array.from({ length: 999 }, () => control.submit(submission(graph))));
  const any = client({ token: token({ role: "runner", name: "ada" }) });
  await any.submit(submission(graph));
  await assert.rejects(any.submit(submission(graph)), { code: "conflict", message: /ada has 1000 runs that have not ended/ });
  // Whose runs they are, a token says itself.
  await assert.rejects(any.submit({ ...submission(graph), user: "bob" }), { code: "conflict" });
  await client({ token: token({ role: "runner", name: "bob" }) }).submit(submission(graph));
  const limited = client({ token: token({ role: "runner", name: "bob", namespace: "user:ada" }) });
  await assert.rejects(limited.submit({ ...submission(graph), user: "bob" }), { code: "conflict", message: /user:ada has 1001 runs/ });
  const [first, second] = runs;
  assert.ok(first !== undefined && second !== undefined);
  await any.cancel(first, { by: "ada" });
  await any.submit(submission(graph));
});
