import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { profilesIn, userFile, writeProfile } from "./profile.ts";

const stack = { coordinator: "lb.example.org:7420", fingerprint: "ab".repeat(32) };

function home(t: TestContext): { readonly XDG_CONFIG_HOME: string } {
  const path = mkdtempSync(join(tmpdir(), "stepwell-profile-"));
  t.after(() => rmSync(path, { recursive: true }));
  return { XDG_CONFIG_HOME: path };
}

test("what was written by others stays, and the first profile becomes the usual one", (t) => {
  const env = home(t);
  mkdirSync(join(env.XDG_CONFIG_HOME, "stepwell"));
  writeFileSync(userFile(env), JSON.stringify({ maxWorkers: 3, profiles: { lab: { coordinator: "lab:7420" } } }), { mode: 0o644 });
  const { isUsual } = writeProfile(env, "stepwell", { ...stack, token: "sw_secret" });
  assert.ok(isUsual);
  const content = JSON.parse(readFileSync(userFile(env), "utf8")) as Record<string, unknown>;
  assert.equal(content["maxWorkers"], 3);
  assert.equal(content["profile"], "stepwell");
  assert.deepEqual(Object.keys(profilesIn(userFile(env))), ["lab", "stepwell"]);
  assert.equal(writeProfile(env, "second", { ...stack, token: null }).isUsual, false);
});

test("only the owner reads the file and the token, whatever rights the file had; the token is not among the settings", (t) => {
  const env = home(t);
  writeProfile(env, "stepwell", { ...stack, token: "sw_secret" });
  const folder = join(env.XDG_CONFIG_HOME, "stepwell");
  assert.deepEqual(readdirSync(folder).toSorted(), ["config.json", "stepwell.token"]);
  for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
  assert.ok(!readFileSync(userFile(env), "utf8").includes("sw_secret"));
  assert.equal(readFileSync(join(folder, "stepwell.token"), "utf8"), "sw_secret\n");
});

test("settings of a profile that a stack says nothing of stay", (t) => {
  const env = home(t);
  writeProfile(env, "stepwell", { ...stack, namespace: "team", token: null });
  writeProfile(env, "stepwell", { ...stack, coordinator: "other:7420", token: null });
  assert.deepEqual(profilesIn(userFile(env))["stepwell"], { ...stack, coordinator: "other:7420", namespace: "team" });
});

test("a name that is no file's name is refused", (t) => {
  assert.throws(() => writeProfile(home(t), "../x", { ...stack, token: null }), /cannot be called/);
});
