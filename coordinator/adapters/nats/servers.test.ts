import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { join } from "node:path";
import { temporaryFolder } from "../../../test/command.ts";
import { loginOptions, natsServers } from "./servers.ts";

test("addresses are read with their default port, and TLS where one asks for it or files are given", () => {
  assert.deepEqual(natsServers({ url: "nats://one, two:7000" }, {}), {
    addresses: ["one:4222", "two:7000"],
    tls: null,
    login: { kind: "none" },
    replicas: 1,
  });
  assert.deepEqual(natsServers({ url: "tls://[::1]:4333" }, {}), {
    addresses: ["[::1]:4333"],
    tls: {},
    login: { kind: "none" },
    replicas: 1,
  });
  const files = { STEPWELL_NATS_CA_FILE: "/ca.pem", STEPWELL_NATS_CERTIFICATE_FILE: "/c.pem", STEPWELL_NATS_KEY_FILE: "/k.pem" };
  assert.deepEqual(natsServers({ url: "nats://one" }, files).tls, { caFile: "/ca.pem", certFile: "/c.pem", keyFile: "/k.pem" });
  assert.throws(() => natsServers({ url: "one" }, { ...files, STEPWELL_NATS_KEY_FILE: "" }), /go together/);
});

test("a cluster may be asked for up to five copies", () => {
  assert.equal(natsServers({ url: "one" }, { STEPWELL_NATS_REPLICAS: "5" }).replicas, 5);
  for (const text of ["0", "6", "-1", "1.5", "three"]) {
    assert.throws(() => natsServers({ url: "one" }, { STEPWELL_NATS_REPLICAS: text }), /expected a number from 1 to 5/, text);
  }
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
  assert.deepEqual(natsServers({ url }, { STEPWELL_NATS_CREDENTIALS_FILE: "/c" }).login, { kind: "credentialsFile", path: "/c" });
  assert.throws(() => natsServers({ url }, { STEPWELL_NATS_USER: "ada" }), /go together/);
  assert.throws(
    () => natsServers({ url }, { STEPWELL_NATS_NKEY_FILE: "/n", STEPWELL_NATS_TOKEN: "t" }),
    /one login, and there are 2: token, nkeyFile/,
  );
  await assert.rejects(loginOptions({ kind: "nkeyFile", path: "/nowhere" }), /nkey seed for NATS cannot be read: \/nowhere \(ENOENT\)/);
  using folder = temporaryFolder();
  const path = join(folder.path, "seed");
  writeFileSync(path, "SUANOTASEED\n");
  assert.equal(typeof (await loginOptions({ kind: "nkeyFile", path })).authenticator, "function");
});

test("docs/nats.md has every variable that is read, and no other", () => {
  const read = new Set<string>();
  natsServers({ url: "one" }, new Proxy<Record<string, string>>({}, { get: (_, name) => void read.add(String(name)) }));
  const page = readFileSync(new URL("../../../docs/nats.md", import.meta.url), "utf8");
  const documented = [...page.matchAll(/^\| `(STEPWELL_NATS_\w+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(documented.toSorted(), [...read].toSorted());
});
