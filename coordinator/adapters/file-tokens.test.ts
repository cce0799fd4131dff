import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Clock } from "../ports/clock.ts";
import { openTokens, type FileTokens } from "./file-tokens.ts";

/** Driven by hand; only `nowMs` and what waits for it. */
class HandClock implements Clock {
  #nowMs = 1_000_000;
  readonly #waiting = new Set<{ readonly dueMs: number; readonly callback: () => void }>();
  nowMs(): number {
    return this.#nowMs;
  }
  monotonicMs(): number {
    return this.#nowMs;
  }
  after(delayMs: number, callback: () => void): () => void {
    const one = { dueMs: this.#nowMs + delayMs, callback };
    this.#waiting.add(one);
    return () => this.#waiting.delete(one);
  }
  pass(ms: number): void {
    this.#nowMs += ms;
    for (const one of this.#waiting) {
      if (one.dueMs > this.#nowMs) continue;
      this.#waiting.delete(one);
      one.callback();
    }
  }
}

function opened(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "stepwell-tokens-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const clock = new HandClock();
  return { folder, clock, ...openTokens(folder, clock) };
}

const reader = { name: "for the wall", role: "reader", namespace: null, pool: null, ttlSeconds: null } as const;

function textsIn(folder: string): string {
  return readdirSync(folder)
    .filter((name) => name !== "admin-token")
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n");
}

test("the first start makes a token for an admin, in a file for its owner alone; later ones make none", (context) => {
  const { folder, clock, tokens, adminTokenFile } = opened(context);
  assert.ok(adminTokenFile !== null);
  for (const name of ["admin-token", "tokens.json"]) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
  const verified = tokens.verify(readFileSync(adminTokenFile, "utf8").trim());
  assert.ok(verified.kind === "good" && verified.token.role === "admin");
  const again = openTokens(folder, clock);
  assert.equal(again.adminTokenFile, null);
  assert.deepEqual(again.tokens.list(), tokens.list());
});

test("a token is kept as a hash alone, counts after a restart, and a changed one is unknown", (context) => {
  const { folder, clock, tokens } = opened(context);
  const { token, view } = tokens.create(reader);
  assert.ok(token.startsWith(`${view.id}_`) && view.id.startsWith("sw_"));
  assert.ok(!textsIn(folder).includes(token.slice(view.id.length + 1)));
  const again = openTokens(folder, clock).tokens;
  assert.deepEqual(again.verify(token), { kind: "good", token: view });
  const last = token.endsWith("A") ? "B" : "A";
  for (const wrong of ["", "sw_", view.id, `${token.slice(0, -1)}${last}`, `${token}x`, token.toUpperCase()]) {
    assert.deepEqual(again.verify(wrong), { kind: "unknown" }, wrong);
  }
});

test("a token that has expired counts no more, also for who waits for its end", (context) => {
  const { clock, tokens } = opened(context);
  const { token, view } = tokens.create({ ...reader, ttlSeconds: 60 });
  const ends: string[] = [];
  tokens.whenEnded(view.id, (why) => ends.push(why));
  clock.pass(59_999);
  assert.equal(tokens.verify(token).kind, "good");
  assert.deepEqual(ends, []);
  clock.pass(1);
  assert.equal(tokens.verify(token).kind, "expired");
  assert.deepEqual(ends, [`the token ${view.id} has expired`]);
});

test("a token that is revoked counts no more at once, and is told once; another revocation is refused", (context) => {
  const { folder, clock, tokens } = opened(context);
  const { token, view } = tokens.create({ ...reader, ttlSeconds: 60 });
  const ends: string[] = [];
  tokens.whenEnded(view.id, (why) => ends.push(why));
  tokens.whenEnded(view.id, () => assert.fail("no longer waited for"))();
  tokens.revoke(view.id);
  clock.pass(60_000);
  assert.deepEqual(ends, [`the token ${view.id} has been revoked`]);
  assert.equal(tokens.verify(token).kind, "revoked");
  assert.equal(openTokens(folder, clock).tokens.verify(token).kind, "revoked");
  assert.throws(() => tokens.revoke(view.id), { code: "conflict" });
  assert.throws(() => tokens.revoke("sw_000000000000"), { code: "notFound", message: /`stepwell token list` shows them all/ });
});

test("a token is revoked by its id: whoever gives its name is told the id", (context) => {
  const { tokens } = opened(context);
  const { view } = tokens.create({ ...reader, name: "laptop" });
  assert.throws(() => tokens.revoke("laptop"), {
    code: "notFound",
    message: `there is no token laptop: it is revoked by its id: ${view.id}`,
  });
  tokens.revoke(view.id);
  assert.throws(() => tokens.revoke("laptop"), /shows them all/);
});

test("the last token of an admin cannot be revoked", (context) => {
  const { tokens } = opened(context);
  const [first] = tokens.list();
  assert.ok(first !== undefined);
  assert.throws(() => tokens.revoke(first.id), /create another one first/);
  tokens.create({ ...reader, role: "admin" });
  tokens.revoke(first.id);
});

test("what counts is listed first, newest first; what ended long ago is forgotten", (context) => {
  const { clock, tokens } = opened(context);
  const create = (name: string, ttlSeconds: number | null = null) => tokens.create({ ...reader, name, ttlSeconds }).view.id;
  const one = create("one");
  create("two", 1);
  create("three");
  clock.pass(2000);
  const names = (list: FileTokens): string[] => list.list().map(({ name }) => name);
  assert.deepEqual(names(tokens), ["three", "one", "first admin", "two"]);
  clock.pass(91 * 86_400_000);
  tokens.revoke(one);
  assert.deepEqual(names(tokens), ["three", "first admin", "one"]);
});

test("a request that makes no sense is refused with what to change", (context) => {
  const { tokens } = opened(context);
  for (const [over, message] of [
    [{ namespace: "" }, /namespace or pool/],
    [{ pool: "gpu" }, /takes no work/],
    [{ role: "admin", namespace: "user:ada" }, /admin's token is limited to no namespace/],
    [{ ttlSeconds: 0 }, /between a second and ten years/],
    [{ name: "x".repeat(101) }, /at most 100 characters/],
  ] as const) {
    assert.throws(() => tokens.create({ ...reader, ...over }), message);
  }
});

test("a damaged file is never taken for an empty one", (context) => {
  const { folder, clock } = opened(context);
  for (const text of ["", "{", '{"tokens":[{"id":1}]}', "[]"]) {
    writeFileSync(join(folder, "tokens.json"), text);
    assert.throws(() => openTokens(folder, clock), /tokens\.json is damaged/);
  }
});
