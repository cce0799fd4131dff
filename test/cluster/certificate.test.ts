// A certificate that is about to end is told of in the log and by doctor.

import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { test } from "node:test";
import { makeAuthority, makeLeaf } from "../../coordinator/adapters/tls/certificate.ts";
import { stepwell, temporaryFolder } from "../command.ts";
import { startCoordinator } from "./processes.ts";

test("a certificate that ends in ten days is warned of by the coordinator and by doctor", { timeout: 60_000 }, async () => {
  using temporary = temporaryFolder();
  const fromMs = Date.now();
  const authority = makeAuthority("test", { fromMs, days: 100 });
  const issuer = { name: "test", key: createPrivateKey(authority.key) };
  const validity = { fromMs, days: 10.5 };
  const leaf = makeLeaf(issuer, { subject: "coordinator", purpose: "server", names: ["localhost", "127.0.0.1"], validity });
  const caFile = temporary.write("ca.pem", authority.cert);
  const certFile = temporary.write("server.pem", leaf.cert);
  const keyFile = temporary.write("server-key.pem", leaf.key);
  temporary.write("stepwell.config.json", JSON.stringify({ certFile, keyFile }));
  const cluster = await startCoordinator(temporary.path);
  await using coordinator = cluster.coordinator;
  const { days_left: days, msg } = await coordinator.event("tls.expiring");
  assert.equal(days, 10);
  assert.equal(msg, `the certificate ends soon: put another one into ${certFile}, where it is looked for every hour`);
  temporary.write("stepwell.config.json", JSON.stringify({ caFile }));
  const doctor = await stepwell(temporary.path, ["doctor", "--json"], { env: cluster.env });
  const { checks } = JSON.parse(doctor.stdout) as { readonly checks: readonly { readonly check: string }[] };
  assert.deepEqual(
    checks.find(({ check }) => check === "certificate"),
    {
      check: "certificate",
      status: "warning",
      found: "the coordinator's ends in 10 days",
      hint: "put another one in its place, where it is read within the hour; one that the coordinator makes itself it could not make: see its log",
    },
    doctor.stdout + doctor.stderr,
  );
});
