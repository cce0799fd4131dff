import assert from "node:assert/strict";
import { test } from "node:test";
import { hideInFailure, hideSecrets, secretTexts } from "./secrets.ts";

test("every text, number and line of a secret is hidden, the longest first", () => {
  const secrets = secretTexts(["pass", "passphrase", 123456, { key: ["nested", "first line\nsecond line"] }, Buffer.from("bytes")]);
  assert.equal(hideSecrets("passphrase pass 123456 nested", secrets), "**** **** **** ****");
  assert.equal(hideSecrets("> second line <", secrets), "> **** <");
  assert.equal(hideSecrets("bytes", secrets), "****");
});

test("a secret is hidden in JSON, in base64 and in a URL too", () => {
  const secret = 'say "friend" & enter\\';
  const secrets = secretTexts([secret]);
  for (const written of [
    JSON.stringify({ secret }),
    Buffer.from(secret).toString("base64"),
    `https://x/?q=${encodeURIComponent(secret)}`,
  ]) {
    assert.match(hideSecrets(written, secrets), /^(\{"secret":"\*{4}"\}|\*{4}|https:\/\/x\/\?q=\*{4})$/);
  }
});

test("what is too short to be told from other text is not hidden", () => {
  assert.deepEqual(secretTexts(["abc", '""', 12, true, null, ""]), []);
});

test("a failure keeps its kind and loses the secret", () => {
  const failure = {
    kind: "userError",
    name: "Error",
    message: "401 for sesame",
    stack: "Error: 401 for sesame\n    at x",
    place: null,
  } as const;
  assert.deepEqual(hideInFailure(failure, ["sesame"]), { ...failure, message: "401 for ****", stack: "Error: 401 for ****\n    at x" });
  assert.deepEqual(hideInFailure({ kind: "timeout", afterSeconds: 1 }, ["sesame"]), { kind: "timeout", afterSeconds: 1 });
});
