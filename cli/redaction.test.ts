// Random secrets, wherever a field or a message can hold one, are in no line.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hideEnvironment, hideInLogs, redactFields, redactText } from "./redaction.ts";

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-".split("");
/** Long enough to be found nowhere by chance. */
const secretText = fc.array(fc.constantFrom(...letters), { minLength: 20, maxLength: 60 }).map((characters) => characters.join(""));
const innocent = fc.stringMatching(/^[a-z ]{0,12}$/);
const secretNames = [
  "authorization",
  "cookie",
  "token",
  "password",
  "secret",
  "accessToken",
  "AWS_SECRET_ACCESS_KEY",
  "session_token",
  "secrets",
];
const innocentNames = ["reason", "host", "path", "fields", "err", "message", "stack", "address", "0"];

/** How text holds a secret that its form gives away. */
const forms: readonly ((secret: string, before: string) => string)[] = [
  (secret, before) => `${before} Authorization: Bearer ${secret}`,
  (secret, before) => `${before} https://bucket.s3.amazonaws.com/key?X-Amz-Signature=${secret}&X-Amz-Expires=60`,
  (secret, before) => `${before} GET /blobs/${"a".repeat(64)}?until=1&proof=${secret} failed`,
  (secret, before) => `${before} nats://user:${secret}@queue.lan:4222`,
  (secret) => `cannot connect to "https://${secret}@host/path"`,
  (secret, before) => `${before} sw_0123456789ab_${secret} is not known`,
  (secret) => `body: proof=${secret}&size=3`,
  (secret) => `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`,
];

/** The secret in a text, or under a name, somewhere in a value. */
function holder(secret: string): fc.Arbitrary<Record<string, unknown>> {
  const inText = fc.tuple(fc.constantFrom(...forms), innocent).map(([form, before]) => form(secret, before));
  const named = (name: fc.Arbitrary<string>, value: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> =>
    fc.tuple(name, value, fc.dictionary(innocent, innocent, { maxKeys: 3 })).map(([key, held, others]) => ({ ...others, [key]: held }));
  const anything = fc.oneof(fc.constant(secret), fc.constant([secret]), fc.constant({ deep: { deeper: secret } }), inText);
  const { tree } = fc.letrec<{ readonly tree: Record<string, unknown> }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      named(fc.constantFrom(...secretNames), anything),
      named(fc.constantFrom(...innocentNames), inText),
      named(
        fc.constantFrom(...innocentNames),
        inText.map((text) => new Error(text)),
      ),
      named(
        fc.constantFrom(...innocentNames),
        inText.map((text) => new Map([["value", text]])),
      ),
      named(fc.constantFrom(...innocentNames), tie("tree")),
      named(fc.constantFrom(...innocentNames), fc.array(tie("tree"), { minLength: 1, maxLength: 2 })),
    ),
  }));
  return tree;
}

test("a secret that its name or its form gives away is in no field", () => {
  fc.assert(
    fc.property(
      secretText.chain((secret) => fc.tuple(fc.constant(secret), holder(secret))),
      ([secret, fields]) => {
        const line = JSON.stringify(redactFields(fields));
        assert.ok(!line.includes(secret), line);
      },
    ),
    { numRuns: 500 },
  );
});

test("what is known to be secret here is hidden in any text, under any name, also as a name", () => {
  fc.assert(
    fc.property(secretText, innocent, innocent, (secret, before, after) => {
      hideInLogs(secret);
      const text = `${before}${secret}${after}`;
      const fields = { reason: text, err: { message: text, stack: [text], by: { [text]: 1 } } };
      for (const line of [redactText(text), JSON.stringify(redactFields(fields))]) assert.ok(!line.includes(secret), line);
    }),
    { numRuns: 200 },
  );
});

test("what the environment calls secret is hidden, and nothing else of it", () => {
  hideEnvironment({
    STEPWELL_NATS_TOKEN: "the-token-of-nats",
    AWS_SECRET_ACCESS_KEY: "the-key-of-aws",
    HOME: "/home/of-somebody",
    TOKEN: "short",
  });
  assert.equal(
    redactText("/home/of-somebody: the-token-of-nats, the-key-of-aws, short"),
    "/home/of-somebody: [redacted], [redacted], short",
  );
});

test("what people need stays: ids of tokens, addresses, paths, names of files", () => {
  const fields = {
    event: "worker.refused",
    token_id: "sw_0123456789ab",
    token_file: "/data/admin-token",
    address: "https://host:7421/blobs/ab",
    err: { type: "Error", message: "this coordinator wants a token: set STEPWELL_TOKEN", code: "ENOENT" },
    attempts: 3,
    none: null,
  };
  assert.deepEqual(redactFields(fields), fields);
  assert.equal(redactText("the token sw_0123456789ab has expired"), "the token sw_0123456789ab has expired");
});
