import assert from "node:assert/strict";
import { test } from "node:test";
import type { Artifacts } from "../../proto/artifact.ts";
import type { SubmitRequest } from "../../proto/control.ts";
import { parseRunId } from "../../proto/ids.ts";
import { secretBytesMax } from "../../proto/secret.ts";
import { inlineArtifact } from "../../sdk/artifact/inline.ts";
import { linear, submission } from "../../test/coordinator/graphs.ts";
import { objectionToSecrets, secretsOfRun, type SecretOrigin } from "./secrets.ts";
import { initialState } from "./state.ts";

const graph = linear(["start", "end"]);
const run = parseRunId("Linear/1");

function kept(values: Readonly<Record<string, unknown>>): Artifacts {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, inlineArtifact(name, value)]));
}

function request(secrets: readonly string[], given: Readonly<Record<string, unknown>>): SubmitRequest {
  return { ...submission(graph), secrets, secretValues: kept(given) };
}

function originWith(values: Readonly<Record<string, unknown>>, parameters: Readonly<Record<string, unknown>> = {}): SecretOrigin {
  const { codePackage, options } = submission(graph);
  const context = { tags: [], namespace: "user:ada", user: "ada", originRun: null };
  const about = { run, graph, codePackage, options, context, systemTags: [], atMs: 0 };
  const state = initialState({
    ...about,
    kind: "runSubmitted",
    parameters: kept(parameters),
    secrets: Object.keys({ ...values, ...parameters }),
  });
  return { state, values: kept(values) };
}

test("a secret that comes as an artifact, without being named, by reference or too large is refused", () => {
  assert.equal(objectionToSecrets(request(["token"], { token: "sesame" })), null);
  assert.match(
    objectionToSecrets({ ...request(["token"], {}), parameters: kept({ token: "sesame" }) }) ?? "",
    /must not come as an artifact/,
  );
  assert.match(objectionToSecrets(request([], { token: "sesame" })) ?? "", /token has a secret value, but/);
  const { token: inline } = kept({ token: "sesame" });
  assert.ok(inline?.kind === "stored");
  const elsewhere = { ...request(["token"], {}), secretValues: { token: { ...inline, place: { kind: "blob" as const } } } };
  assert.match(objectionToSecrets(elsewhere) ?? "", /must come with the request/);
  const half = "x".repeat(secretBytesMax / 2);
  assert.equal(objectionToSecrets(request(["a"], { a: half })), null);
  assert.match(objectionToSecrets(request(["a", "b"], { a: half, b: half })) ?? "", /may have 65536 bytes together/);
});

test("a secret without a value is refused, by its name", () => {
  assert.equal(secretsOfRun(request(["token", "key"], { key: 1 }), null), "there is no value for the secret parameter token");
  assert.deepEqual(secretsOfRun(request(["key"], { key: 1 }), null), { values: kept({ key: 1 }), changed: [] });
});

test("a resumed run takes the origin's secrets over, and one that is given anew is changed if it is another", () => {
  const origin = originWith({ token: "old", key: "same", unused: 1 });
  const given = request(["token", "key", "other"], { key: "same", other: "new" });
  assert.deepEqual(secretsOfRun(given, origin), { values: kept({ token: "old", key: "same", other: "new" }), changed: ["other"] });
  assert.deepEqual(secretsOfRun(request(["token"], { token: "new" }), origin), { values: kept({ token: "new" }), changed: ["token"] });
});

test("a run from before secrets were kept apart is compared by its parameters", () => {
  const origin = originWith({}, { token: "old", key: "same" });
  assert.deepEqual(secretsOfRun(request(["token", "key"], { token: "new", key: "same" }), origin), {
    values: kept({ token: "new", key: "same" }),
    changed: ["token"],
  });
});

test("a secret that was lost is asked for by its name, and counts as changed once it is given", () => {
  const { state } = originWith({ token: "old" });
  const lost = { state, values: {} };
  assert.equal(
    secretsOfRun(request(["token"], {}), lost),
    "secret parameter token of Linear/1: its value is kept no longer. Give it again, in STEPWELL_PARAM_TOKEN or a file for --params, to stepwell resume Linear/1",
  );
  assert.deepEqual(secretsOfRun(request(["token"], { token: "old" }), lost), { values: kept({ token: "old" }), changed: ["token"] });
});
