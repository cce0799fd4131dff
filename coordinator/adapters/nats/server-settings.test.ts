// Servers that cannot hold the queue, and servers that let only some in: each is told apart in words that one can act on.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { nkeys } from "nats";
import { temporaryFolder } from "../../../test/command.ts";
import { TestLog } from "../../../test/coordinator/harness.ts";
import { NatsServer, type NatsServerOptions } from "../../../test/cluster/nats-server.ts";
import { indexesOf, queuedTask } from "../../ports/task-queue.conformance.ts";
import type { TaskQueue } from "../../ports/task-queue.ts";
import { SystemClock } from "../system-clock.ts";
import { openNatsTaskQueue } from "./nats-task-queue.ts";
import { natsServers } from "./servers.ts";

const options = { timeout: 30_000 };
type Environment = Readonly<Record<string, string>>;

async function start(t: TestContext, serverOptions: NatsServerOptions): Promise<NatsServer> {
  const server = await NatsServer.start(serverOptions);
  t.after(() => server.close());
  return server;
}

async function open(
  t: TestContext,
  at: string | { readonly url: string; readonly log: TestLog },
  environment: Environment = {},
): Promise<TaskQueue> {
  const { url, log } = typeof at === "string" ? { url: at, log: new TestLog() } : at;
  const queue = await openNatsTaskQueue({
    servers: natsServers({ url }, environment),
    prefix: randomUUID(),
    ackWaitMs: 10_000,
    clock: new SystemClock(),
    log,
  });
  t.after(() => queue.close());
  return queue;
}

async function assertWorks(queue: TaskQueue): Promise<void> {
  await queue.publish("cpu", [queuedTask(3)]);
  assert.deepEqual(indexesOf(await queue.take("cpu", 1, 10_000)), [3]);
}

test("a server that cannot hold the queue is refused at the start, with what to do", options, async (t) => {
  const cases: readonly (readonly [NatsServerOptions, RegExp])[] = [
    [{ jetstream: null }, /JetStream is off: start the server with --jetstream/],
    [{ jetstream: "max_file_store: 8MB" }, /no 32 MiB left for the tasks of a pool: raise max_file_store/],
    [{ config: "max_payload: 512" }, /max_payload is 512 bytes: at least 1024/],
    [{ config: "no_header_support: true" }, /headers are off/],
    [
      { config: 'accounts { A { users: [{ user: "a", password: "b" }] } }\nno_auth_user: a' },
      /no JetStream for this login|JetStream is off/,
    ],
    [
      { config: 'accounts { A { jetstream { max_file: 8MB }, users: [{ user: "a", password: "b" }] } }\nno_auth_user: a' },
      /raise the account's max_file/,
    ],
  ];
  for (const [serverOptions, message] of cases) {
    const server = await start(t, serverOptions);
    await assert.rejects(open(t, server.url), message);
  }
  const single = await start(t, {});
  await assert.rejects(
    open(t, single.url, { STEPWELL_NATS_REPLICAS: "3" }),
    /cannot keep 3 copies of the queue .*: ask for 1, or join as many servers/,
  );
});

test("a user and password, a token, and permissions of no more than the queue needs let it in; others are refused", options, async (t) => {
  const permissions = 'permissions: { publish: ["$JS.API.>", "$JS.ACK.>", "*.*.*"], subscribe: ["_INBOX.>"] }';
  const server = await start(t, { config: `authorization { users: [{ user: "ada", password: "secret", ${permissions} }] }` });
  const right = { STEPWELL_NATS_USER: "ada", STEPWELL_NATS_PASSWORD: "secret" };
  await assertWorks(await open(t, server.url, right));
  for (const environment of [{}, { ...right, STEPWELL_NATS_PASSWORD: "wrong" }, { STEPWELL_NATS_TOKEN: "t" }]) {
    await assert.rejects(
      open(t, server.url, environment),
      (error: Error) => /refuses the login/.test(error.message) && !error.message.includes("wrong"),
    );
  }
  const tokens = await start(t, { config: 'authorization { token: "t0ken" }' });
  await assertWorks(await open(t, tokens.url, { STEPWELL_NATS_TOKEN: "t0ken" }));
  const forbidding = await start(t, {
    config:
      'authorization { users: [{ user: "ada", password: "secret", permissions: { publish: ["nothing"], subscribe: ["_INBOX.>"] } }] }',
  });
  await assert.rejects(open(t, forbidding.url, right), /forbids what the task queue needs .*\$JS\.API\.>/);
});

test("a subject that is forbidden is named in the log, since the publisher hears nothing", options, async (t) => {
  const permissions = 'permissions: { publish: ["$JS.API.>", "$JS.ACK.>"], subscribe: ["_INBOX.>"] }';
  const server = await start(t, { config: `authorization { users: [{ user: "ada", password: "secret", ${permissions} }] }` });
  const log = new TestLog();
  const environment = { STEPWELL_NATS_USER: "ada", STEPWELL_NATS_PASSWORD: "secret" };
  const queue = await open(t, { url: server.url, log }, environment);
  await assert.rejects(queue.publish("cpu", [queuedTask(0)]), /no acknowledgement within 5000 ms/);
  const complaints = log.entries.flatMap(({ fields }) => (fields["event"] === "queue.complaint" ? [fields["complaint"]] : []));
  assert.match(complaints.join(), /^PERMISSIONS_VIOLATION: publish .*\.cpu\.1$/);
});

test("TLS with a client certificate and an nkey let it in; without either it is told what is missing", options, async (t) => {
  using folder = temporaryFolder();
  const user = nkeys.createUser();
  const seedFile = folder.write("seed", `${new TextDecoder().decode(user.getSeed())}\n`);
  makeCertificates(folder.path);
  const file = (name: string): string => join(folder.path, name);
  const server = await start(t, {
    config: `tls { cert_file: "${file("server.pem")}", key_file: "${file("server.key")}", ca_file: "${file("ca.pem")}", verify: true }
authorization { users: [{ nkey: "${user.getPublicKey()}" }] }`,
  });
  const certificates = {
    STEPWELL_NATS_CA_FILE: file("ca.pem"),
    STEPWELL_NATS_CERTIFICATE_FILE: file("client.pem"),
    STEPWELL_NATS_KEY_FILE: file("client.key"),
  };
  const url = `tls://localhost:${server.port}`;
  const byFile = { STEPWELL_NATS_NKEY_FILE: seedFile };
  await assertWorks(await open(t, url, { ...certificates, ...byFile }));
  await assertWorks(await open(t, url, { ...certificates, STEPWELL_NATS_NKEY_SEED: new TextDecoder().decode(user.getSeed()) }));

  const stranger = new TextDecoder().decode(nkeys.createUser().getSeed());
  await assert.rejects(open(t, url, { ...certificates, STEPWELL_NATS_NKEY_SEED: stranger }), /refuses the login/);
  const hint = /look at the address, and at the files for TLS/;
  await assert.rejects(open(t, url, byFile), hint);
  await assert.rejects(open(t, url, { ...certificates, ...byFile, STEPWELL_NATS_CA_FILE: file("none.pem") }), /none\.pem/);
  const plain = await start(t, {});
  await assert.rejects(open(t, plain.url, { STEPWELL_NATS_CA_FILE: file("ca.pem") }), hint);
});

/** An authority, and certificates of it for a server at localhost and for a client. */
function makeCertificates(folder: string): void {
  const openssl = (...words: string[]): void => void execFileSync("openssl", words, { cwd: folder, stdio: "pipe" });
  openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem");
  writeFileSync(join(folder, "names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  for (const name of ["server", "client"]) {
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-days",
      "2",
      "-extfile",
      "names",
      "-out",
      `${name}.pem`,
    );
  }
}
