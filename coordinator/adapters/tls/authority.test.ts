import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openAuthority, type AuthorityOptions } from "./authority.ts";

const dayMs = 86_400_000;

function open(folder: string, over: Partial<AuthorityOptions> = {}) {
  return openAuthority({ folder, names: [], nowMs: Date.now(), clientCertificates: false, ...over });
}

function temporary(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "stepwell-tls-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "tls");
}

test("an authority and a certificate for every name of the machine and those asked for are made once, keys for the owner alone", (context) => {
  const folder = temporary(context);
  const first = open(folder, { names: ["coordinator.example", "192.0.2.7", "2001:db8::1:2", "*.cluster.example"] });
  const certificate = new X509Certificate(first.server.cert);
  for (const name of ["localhost", "coordinator.example", "any.cluster.example"])
    assert.equal(certificate.checkHost(name) !== undefined, true, name);
  for (const address of ["127.0.0.1", "::1", "192.0.2.7", "2001:db8::1:2"]) assert.equal(certificate.checkIP(address), address);
  assert.equal(certificate.checkHost("other.example"), undefined);
  const again = open(folder, { names: ["coordinator.example", "192.0.2.7", "2001:db8::1:2", "*.cluster.example"] });
  assert.deepEqual([again.ca, again.server, again.fingerprint], [first.ca, first.server, first.fingerprint]);
  for (const name of ["ca-key.pem", "server-key.pem"]) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
});

test("the fingerprint is the SHA-256 of the authority's certificate", (context) => {
  const { ca, fingerprint } = open(temporary(context));
  assert.equal(fingerprint, createHash("sha256").update(new X509Certificate(ca).raw).digest("hex"));
});

test("a certificate near its end, or without a name that is asked for, is replaced under the same authority", (context) => {
  const folder = temporary(context);
  const first = open(folder);
  const named = open(folder, { names: ["new.example"] });
  assert.notEqual(named.server.cert, first.server.cert);
  assert.ok(new X509Certificate(named.server.cert).checkHost("new.example"));
  const soon = open(folder, { names: ["new.example"], nowMs: Date.now() + 540 * dayMs });
  assert.equal(soon.server.cert, named.server.cert);
  const late = open(folder, { names: ["new.example"], nowMs: Date.now() + 600 * dayMs });
  assert.notEqual(late.server.cert, named.server.cert);
  assert.equal(late.fingerprint, first.fingerprint);
});

test("a damaged server certificate is made anew; a damaged authority is never replaced", (context) => {
  const folder = temporary(context);
  const first = open(folder);
  writeFileSync(join(folder, "server-key.pem"), "gone");
  const mended = open(folder);
  assert.notEqual(mended.server.key, first.server.key);
  assert.equal(mended.fingerprint, first.fingerprint);
  writeFileSync(join(folder, "ca-key.pem"), readFileSync(join(folder, "server-key.pem")));
  assert.throws(() => open(folder), /cannot be used \(the key is not the certificate's\).*backup/);
});

test("a client's certificate is signed by the same authority and is for nothing but clients", (context) => {
  const authority = open(temporary(context));
  const client = new X509Certificate(authority.issueClient("laptop", 30).cert);
  const ca = new X509Certificate(authority.ca);
  assert.ok(client.checkIssued(ca) && client.verify(ca.publicKey));
  assert.deepEqual(client.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
  assert.equal(client.subject, "CN=laptop");
});
