import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { join } from "node:path";
import { temporaryFolder } from "../../../test/command.ts";
import { loginOptions, natsServers } from "./servers.ts";

test("addresses are read with their default port, and TLS where one asks for it or files are given", () => {
  assert.deepEqual(natsServers({ url: "nats://one, two:7000" }, {}), {
    addresses: ["one:4222", "two:7000"],
    tls: null,
    login: { kind: "none" },
  });
  assert.deepEqual(natsServers({ url: "tls://[::1]:4333" }, {}), { addresses: ["[::1]:4333"], tls: {}, login: { kind: "none" } });
  assert.deepEqual(natsServers({ url: "nats://one", caFile: "/ca.pem", certificateFile: "/c.pem", keyFile: "/k.pem" }, {}).tls, {
    caFile: "/ca.pem",
    certFile: "/c.pem",
    keyFile: "/k.pem",
  });
  assert.throws(() => natsServers({ url: "one", certificateFile: "/c.pem" }, {}), /needs both its file and the file of its key/);
});

test("an address that isn't understood, or holds a secret, is refused without being repeated", () => {
  for (const url of ["", "http://one", "nats://", "nats://one/path", "nats://user:hunter2@one:99999"]) {
    assert.throws(
      () => natsServers({ url }, {}),
      (error: Error) => /is not understood/.test(error.message) && !error.message.includes("hunter2"),
      url,
    );
  }
  assert.throws(
    () => natsServers({ url: "nats://ada:hunter2@one" }, {}),
    (error: Error) => /STEPWELL_NATS_USER/.test(error.message) && !error.message.includes("hunter2"),
  );
});

test("there is one login: from the environment or from files", async () => {
  const url = "nats://one";
  assert.deepEqual(natsServers({ url }, { STEPWELL_NATS_USER: "ada", STEPWELL_NATS_PASSWORD: "p" }).login, {
    kind: "password",
    user: "ada",
    password: "p",
  });
  assert.deepEqual(natsServers({ url }, { STEPWELL_NATS_TOKEN: "t" }).login, { kind: "token", token: "t" });
  assert.deepEqual(natsServers({ url, credentialsFile: "/c" }, {}).login, { kind: "credentialsFile", path: "/c" });
  assert.throws(() => natsServers({ url }, { STEPWELL_NATS_USER: "ada" }), /go together/);
  assert.throws(() => natsServers({ url, nkeyFile: "/n" }, { STEPWELL_NATS_TOKEN: "t" }), /one login, and there are 2: token, nkeyFile/);
  await assert.rejects(loginOptions({ kind: "nkeyFile", path: "/nowhere" }), /nkey seed for NATS cannot be read: \/nowhere \(ENOENT\)/);
  using folder = temporaryFolder();
  const path = join(folder.path, "seed");
  writeFileSync(path, "SUANOTASEED\n");
  assert.equal(typeof (await loginOptions({ kind: "nkeyFile", path })).authenticator, "function");
});
