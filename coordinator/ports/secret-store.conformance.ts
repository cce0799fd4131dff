// What every secret store must do.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Artifacts } from "../../proto/artifact.ts";
import { parseFlowName, runIdOf, type RunId } from "../../proto/ids.ts";
import { inlineArtifact } from "../../sdk/artifact/inline.ts";
import type { SecretStore } from "./secret-store.ts";

let runs = 0;
export function newRun(): RunId {
  return runIdOf(parseFlowName("SecretFlow"), ++runs);
}

export function secretsOf(values: Readonly<Record<string, unknown>>): Artifacts {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, inlineArtifact(name, value)]));
}

/** `open` gives an empty store, and may be called again for the same one where it outlives its process. */
export function describeSecretStore(name: string, open: () => SecretStore): void {
  describe(`${name} as a secret store`, () => {
    test("what was put comes back, to each reader anew", () => {
      const store = open();
      const run = newRun();
      const values = secretsOf({ token: 'quoted "ü" \\ \u0000', key: Buffer.from([0, 255]), settings: { deep: [1] } });
      store.put(run, values);
      assert.deepEqual(store.get(run), values);
      assert.notEqual(store.get(run), store.get(run));
    });

    test("a run has its own secrets and nobody else's", () => {
      const store = open();
      const [a, b, c] = [newRun(), newRun(), newRun()];
      store.put(a, secretsOf({ token: "a" }));
      store.put(b, secretsOf({ token: "b" }));
      assert.deepEqual([store.get(a), store.get(b), store.get(c)], [secretsOf({ token: "a" }), secretsOf({ token: "b" }), {}]);
    });

    test("what is put later replaces all that was there, and nothing leaves nothing", () => {
      const store = open();
      const run = newRun();
      store.put(run, secretsOf({ token: "a", other: "b" }));
      store.put(run, secretsOf({ token: "c" }));
      assert.deepEqual(store.get(run), secretsOf({ token: "c" }));
      store.put(run, {});
      assert.deepEqual(store.get(run), {});
      store.put(newRun(), {});
    });

    test("what is forgotten is gone, and to forget it again changes nothing", () => {
      const store = open();
      const [gone, kept] = [newRun(), newRun()];
      store.put(gone, secretsOf({ token: "a" }));
      store.put(kept, secretsOf({ token: "b" }));
      store.forget(gone);
      store.forget(gone);
      assert.deepEqual([store.get(gone), store.get(kept)], [{}, secretsOf({ token: "b" })]);
    });
  });
}
