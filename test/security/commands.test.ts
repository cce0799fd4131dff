// Tokens as people use them: the built command against a coordinator in a process of its own.

import assert from "node:assert/strict";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Service } from "../cluster/processes.ts";
import { stepwell, temporaryFolder } from "../command.ts";

test("tokens are made, listed and revoked, let in whom they are for, and are never shown again", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  const serve = ["coordinator", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", "data"];
  await using coordinator = new Service(serve, { cwd: folder.path });
  const { address } = await coordinator.event("coordinator.listening");
  const admin = { STEPWELL_COORDINATOR: String(address), STEPWELL_TOKEN_FILE: join(folder.path, "data/admin-token") };
  const as = (token: string): Record<string, string> => ({ STEPWELL_COORDINATOR: String(address), STEPWELL_TOKEN: token });

  const made = await stepwell(folder.path, ["token", "create", "--role", "reader", "--name", "wall", "--ttl", "30d"], { env: admin });
  assert.equal(made.code, 0, made.stderr);
  const token = made.stdout.trim();
  const id = token.slice(0, "sw_000000000000".length);
  assert.match(made.stderr, new RegExp(`${id} is told this once`));

  const listed = await stepwell(folder.path, ["token", "list"], { env: admin });
  assert.match(listed.stdout, new RegExp(`${id}\\s+wall\\s+reader\\s+all\\s+any\\s.*\\sgood`));
  assert.ok(!listed.stdout.includes(token.slice(id.length + 1)));

  assert.equal((await stepwell(folder.path, ["runs"], { env: as(token) })).code, 0);
  const denied = await stepwell(folder.path, ["token", "list"], { env: as(token) });
  assert.equal(denied.code, 4);
  assert.match(denied.stderr, /the token sw_\w+ has the role reader, and tokens is for admin/);

  const revoked = await stepwell(folder.path, ["token", "revoke", id], { env: admin });
  assert.equal(revoked.code, 0, revoked.stderr);
  for (const [env, message] of [
    [as(token), /has been revoked: ask an admin/],
    [as(`${id}_guessed`), /not known to this coordinator/],
    [{ STEPWELL_COORDINATOR: String(address) }, /wants a token/],
  ] as const) {
    const refused = await stepwell(folder.path, ["runs"], { env });
    assert.equal(refused.code, 4, refused.stderr);
    assert.match(refused.stderr, message);
  }

  chmodSync(admin.STEPWELL_TOKEN_FILE, 0o644);
  const open = await stepwell(folder.path, ["runs"], { env: admin });
  assert.equal(open.code, 2);
  assert.match(open.stderr, /can be read by others/);

  coordinator.signal("SIGTERM");
  assert.equal(await coordinator.ended(), 0);
  const trail = readFileSync(join(folder.path, "data/audit.jsonl"), "utf8");
  assert.match(trail, /"action":"createToken"/);
  assert.match(trail, /"action":"revokeToken"/);
  assert.equal(statSync(join(folder.path, "data/audit.jsonl")).mode & 0o777, 0o600);
  const secret = token.slice(id.length + 1);
  for (const text of [trail, coordinator.text, readFileSync(join(folder.path, "data/tokens.json"), "utf8")])
    assert.ok(!text.includes(secret));
});

test("what can be reached from elsewhere speaks TLS, be it only for blobs", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  const fingerprintOf = async (http: string): Promise<unknown> => {
    await using service = new Service(["coordinator", "--listen", "127.0.0.1:0", "--http", http, "--data", "data"], { cwd: folder.path });
    return (await service.event("coordinator.listening"))["fingerprint"];
  };
  assert.equal(await fingerprintOf("127.0.0.1:0"), null);
  assert.match(String(await fingerprintOf("0.0.0.0:0")), /^[0-9a-f]{64}$/);
});
