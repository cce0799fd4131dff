import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { describeSecretStore, newRun, secretsOf } from "../ports/secret-store.conformance.ts";
import { FileSecretStore } from "./file-secret-store.ts";

const folder = mkdtempSync(join(tmpdir(), "stepwell-secrets-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let folders = 0;
const freshRoot = (): string => join(folder, String(++folders), "secrets");

describeSecretStore("FileSecretStore", () => new FileSecretStore(freshRoot()));

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test("only the owner can look into the folder and its files, whatever the folder was before", () => {
  const root = freshRoot();
  mkdirSync(root, { recursive: true });
  chmodSync(root, 0o755);
  new FileSecretStore(root).put(newRun(), secretsOf({ token: "sesame" }));
  const [file = "", ...others] = readdirSync(root);
  assert.deepEqual([modeOf(root), modeOf(join(root, file)), others], [0o700, 0o600, []]);
});

test("another process finds what was put", () => {
  const root = freshRoot();
  const run = newRun();
  new FileSecretStore(root).put(run, secretsOf({ token: "sesame" }));
  assert.deepEqual(new FileSecretStore(root).get(run), secretsOf({ token: "sesame" }));
});

test("without secrets no folder is made", () => {
  const root = freshRoot();
  const store = new FileSecretStore(root);
  store.put(newRun(), {});
  assert.deepEqual(store.get(newRun()), {});
  assert.throws(() => statSync(root), { code: "ENOENT" });
});

test("a damaged file, and one that is another run's, are as good as none", () => {
  const root = freshRoot();
  const store = new FileSecretStore(root);
  const [run, other] = [newRun(), newRun()];
  store.put(run, secretsOf({ token: "sesame" }));
  const [file = ""] = readdirSync(root);
  copyFileSync(join(root, file), join(root, file.replace(/\d+/, other.split("/")[1] ?? "")));
  assert.deepEqual(store.get(other), {});
  const text = readFileSync(join(root, file), "utf8");
  for (const damaged of [text.slice(0, -9), "", "[]", text.replace('"inline"', '"other"')]) {
    writeFileSync(join(root, file), damaged);
    assert.deepEqual(store.get(run), {});
  }
});

test("where nothing can be written, that is said without the secret", () => {
  const blocked = join(folder, "file");
  writeFileSync(blocked, "");
  const store = new FileSecretStore(join(blocked, "secrets"));
  assert.throws(
    () => store.put(newRun(), secretsOf({ token: "sesame" })),
    (error: Error) => /^secret parameters cannot be kept in .*secrets: E/.test(error.message) && !error.message.includes("sesame"),
  );
});
