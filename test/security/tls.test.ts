// The connection itself: what is trusted, what is not, and what whoever connects wrongly is told.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect as connectPlain, type AddressInfo } from "node:net";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { startHttpServer } from "../../coordinator/api/http/http-server.ts";
import type { CertifiedKey } from "../../coordinator/api/server-tls.ts";
import { ControlError } from "../../proto/control.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";
import { startWorker, type Worker } from "../../worker/main.ts";
import { TestLog } from "../coordinator/harness.ts";
import { openBorder, type Border } from "./border.ts";

const options = { timeout: 20_000 };

async function told(border: Border, over: Partial<Endpoint>): Promise<string> {
  const client = border.client({ token: border.token({}), ...over });
  try {
    await client.flows(null);
    return "let in";
  } catch (error) {
    assert.ok(error instanceof ControlError, String(error));
    return `${error.code}: ${error.message}`;
  } finally {
    client.close();
  }
}

/** `reason`: why its first try came to nothing. */
function workerFor(context: TestContext, coordinator: Endpoint): { readonly worker: Worker; readonly reason: Promise<string> } {
  const { promise: reason, resolve } = Promise.withResolvers<string>();
  const ignore = (): void => undefined;
  const folder = mkdtempSync(join(tmpdir(), "stepwell-tls-"));
  const worker = startWorker({
    coordinator,
    slots: 1,
    id: `worker-${folder.slice(-6)}`,
    version: "0",
    store: { kind: "files", root: folder },
    isolation: "warm",
    labels: {},
    runs: [],
    log: { debug: ignore, info: (fields) => resolve(String(fields["reason"])), warn: ignore, error: ignore },
  });
  context.after(async () => {
    await worker.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return { worker, reason };
}

test("a fingerprint, with or without colons, or the authority itself is enough to trust a coordinator", options, async (context) => {
  const border = await openBorder(context);
  const { authority } = border;
  const colons = authority.fingerprint.toUpperCase().replaceAll(/..(?=.)/g, "$&:");
  for (const tls of [{ fingerprint: authority.fingerprint }, { fingerprint: colons }, { ca: authority.ca }]) {
    assert.equal(await told(border, { tls }), "let in");
  }
});

test("another fingerprint is never connected to, and no fingerprint at all is an authority that nobody knows", options, async (context) => {
  const border = await openBorder(context);
  const other = await openBorder(context);
  assert.match(
    await told(border, { tls: { fingerprint: other.authority.fingerprint } }),
    /^unauthenticated: .* is not the coordinator that you were told of.*somebody is in between/,
  );
  assert.match(
    await told(border, { tls: { fingerprint: "abc" } }),
    /^unauthenticated: "abc" is not a fingerprint: expected 64 hexadecimal digits/,
  );
  assert.match(await told(border, { tls: {} }), /not signed by an authority that is trusted here: give the coordinator's fingerprint/);
  assert.match(await told(border, { tls: { ca: other.authority.ca } }), /not signed by an authority that is trusted here/);
});

test("the name that was connected to must be one of the certificate's, also under a good fingerprint", options, async (context) => {
  const border = await openBorder(context, { host: "0.0.0.0" });
  const { port } = new URL(`tcp://${border.endpoint.address}`);
  assert.equal(await told(border, { address: `localhost:${port}` }), "let in");
  assert.match(
    await told(border, { address: `127.0.0.9:${port}` }),
    /is for other names .*127\.0\.0\.9.*start the coordinator with this name too/,
  );
  const named = await openBorder(context, { host: "0.0.0.0", names: ["127.0.0.9"] });
  assert.equal(await told(named, { address: `127.0.0.9:${new URL(`tcp://${named.endpoint.address}`).port}` }), "let in");
});

test("a plain connection to a TLS port, and TLS to a plain one, are told what to change", options, async (context) => {
  const secure = await openBorder(context);
  assert.match(await told(secure, { tls: "off" }), /speaks TLS only: connect with its fingerprint or its CA file/);
  const plain = await openBorder(context, { tls: "off" });
  assert.match(await told(plain, { tls: { ca: secure.authority.ca } }), /does not speak TLS: .*connect with TLS off/);
  assert.match(await told(plain, { tls: { fingerprint: secure.authority.fingerprint } }), /does not speak TLS: .*connect with TLS off/);
});

test(
  "a worker ends at once, and says why, where no try of its own could ever let it in; where that may change it tries on",
  options,
  async (context) => {
    const border = await openBorder(context, { host: "0.0.0.0" });
    const other = await openBorder(context);
    const plain = await openBorder(context, { tls: "off" });
    const port = border.endpoint.address.split(":").at(-1);
    const { authority } = border;
    const reasons: readonly (readonly [RegExp, Endpoint])[] = [
      [/is for other names/, { address: `127.0.0.9:${port}`, tls: { fingerprint: authority.fingerprint } }],
      [/is not signed by an authority that is trusted here/, { address: border.endpoint.address, tls: { ca: other.authority.ca } }],
      [
        /is not the coordinator that you were told of/,
        { address: border.endpoint.address, tls: { fingerprint: other.authority.fingerprint } },
      ],
      [/speaks TLS only/, { address: border.endpoint.address, tls: "off" }],
    ];
    for (const [reason, coordinator] of reasons) {
      const lost = await workerFor(context, coordinator).worker.lost;
      assert.match(lost.reason, reason);
      assert.equal(lost.refused, true);
    }
    const waiting = workerFor(context, { address: plain.endpoint.address, tls: { fingerprint: authority.fingerprint } });
    assert.match(await waiting.reason, /does not speak TLS/);
  },
);

test("a port that speaks something else, such as the coordinator's other one, is told to be the wrong one", options, async (context) => {
  const border = await openBorder(context, { tls: "off" });
  const http = createServer((_, response) => response.end()).listen(0, "127.0.0.1");
  context.after(() => http.close());
  await once(http, "listening");
  const { port } = http.address() as AddressInfo; // Of a server that listens at a port.
  assert.match(
    await told(border, { address: `127.0.0.1:${port}` }),
    new RegExp(`what answers at 127.0.0.1:${port} is no coordinator's gRPC port`),
  );
  const { authority } = await openBorder(context);
  const secure = await startHttpServer({ host: "127.0.0.1", port: 0, tls: authority.server, routes: [], log: new TestLog() });
  context.after(() => secure.close());
  assert.match(
    await told(border, { address: `127.0.0.1:${secure.port}`, tls: { fingerprint: authority.fingerprint } }),
    new RegExp(`what answers at 127.0.0.1:${secure.port} is no coordinator's gRPC port`),
  );
});

test("a coordinator that asks for certificates lets in its own authority's, with a token, and nobody else", options, async (context) => {
  const border = await openBorder(context, { tls: "clientCertificates" });
  const { authority, client, token } = border;
  const other = await openBorder(context);
  const own = authority.issueClient("laptop", 1);
  const foreign = other.authority.issueClient("laptop", 1);
  const { fingerprint } = authority;
  assert.equal(await told(border, { tls: { fingerprint, ...own } }), "let in");
  assert.match(await told(border, { tls: { fingerprint } }), /lets in only who shows a certificate.*name one/);
  assert.match(await told(border, { tls: { fingerprint, ...foreign } }), /lets in only who shows a certificate.*of another/);
  await assert.rejects(client({ tls: { fingerprint, ...own } }).flows(null), { code: "unauthenticated", message: /wants a token/ });
  const admin = client({ tls: { fingerprint, ...own }, token: token({ role: "admin" }) });
  const made = await admin.createToken({ name: "next", role: "reader", namespace: null, pool: null, ttlSeconds: null, certificate: true });
  assert.ok(made.certificate !== null);
  const { cert, key, ca } = made.certificate;
  assert.equal(await told(border, { tls: { ca, cert, key }, token: made.token }), "let in");
});

for (const tls of ["server", "clientCertificates"] as const) {
  test(`a renewed certificate is for new connections, and those that are open go on (${tls})`, options, async (context) => {
    const shown: ((renewed: CertifiedKey) => void)[] = [];
    const border = await openBorder(context, { ...(tls !== "server" && { tls }), onRenewed: (show) => shown.push(show) });
    const { authority } = await openBorder(context);
    const own = tls === "server" ? {} : border.authority.issueClient("laptop", 1);
    const token = border.token({});
    const before = border.client({ token, tls: { fingerprint: border.authority.fingerprint, ...own } });
    await before.flows(null);
    for (const show of shown) show(authority.server);
    await before.flows(null);
    assert.match(await told(border, { token, tls: { fingerprint: border.authority.fingerprint, ...own } }), /is not the coordinator/);
    assert.equal(await told(border, { token, tls: { fingerprint: authority.fingerprint, ...own } }), "let in");
    if (tls === "clientCertificates")
      assert.match(await told(border, { token, tls: { fingerprint: authority.fingerprint } }), /lets in only who shows a certificate/);
  });
}

test("the HTTP port shows a renewed certificate too", options, async (context) => {
  const [{ authority: one }, { authority: other }] = [await openBorder(context), await openBorder(context)];
  const shown: ((renewed: CertifiedKey) => void)[] = [];
  const tls = { ...one.server, onRenewed: (show: (renewed: CertifiedKey) => void) => shown.push(show) };
  const http = await startHttpServer({ host: "127.0.0.1", port: 0, tls, routes: [], log: new TestLog() });
  context.after(() => http.close());
  const trusts = async (ca: string): Promise<boolean> => {
    const socket = connectTls({ host: "127.0.0.1", port: http.port, ca });
    return once(socket, "secureConnect")
      .then(
        () => true,
        () => false,
      )
      .finally(() => socket.destroy());
  };
  assert.deepEqual([await trusts(one.ca), await trusts(other.ca)], [true, false]);
  for (const show of shown) show(other.server);
  assert.deepEqual([await trusts(one.ca), await trusts(other.ca)], [false, true]);
});

test("no token leaves before the other side has shown who it is", options, async (context) => {
  const border = await openBorder(context, { tls: "off" });
  const token = border.token({});
  const heard: Buffer[] = [];
  const { createServer } = await import("node:net");
  const listener = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      heard.push(bytes);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  context.after(() => listener.close());
  const address = listener.address();
  assert.ok(typeof address === "object" && address !== null);
  const client = border.client({ address: `127.0.0.1:${address.port}`, tls: { fingerprint: "0".repeat(64) }, token });
  await assert.rejects(client.flows(null), ControlError);
  assert.ok(heard.length > 0);
  assert.ok(!Buffer.concat(heard).toString("latin1").includes(token));
});

test("a connection that says nothing is let go, and one more than many does no harm", options, async (context) => {
  const border = await openBorder(context);
  const { hostname, port } = new URL(`tcp://${border.endpoint.address}`);
  const silent = Array.from({ length: 50 }, () => connectPlain(Number(port), hostname));
  await Promise.all(silent.map((socket) => once(socket, "connect")));
  assert.equal(await told(border, {}), "let in");
  for (const socket of silent) socket.destroy();
});
