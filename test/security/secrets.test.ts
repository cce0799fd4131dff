// No token is told anywhere: whatever is asked with it, and however that ends, neither the log nor the audit trail, the
// ledger, the output of tasks or an error holds its secret part.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseRunId } from "../../proto/ids.ts";
import { roles } from "../../proto/token.ts";
import type { ControlClient } from "../../sdk/wire/control-client.ts";
import { linear, submission } from "../coordinator/graphs.ts";
import { SimulatedWorker } from "../coordinator/simulated-worker.ts";
import { openBorder } from "./border.ts";

const graph = linear(["start", "end"]);
const run = parseRunId("Linear/1");

const deeds: Readonly<Record<string, (client: ControlClient) => Promise<unknown>>> = {
  submit: (client) => client.submit(submission(graph)),
  cancel: (client) => client.cancel(run, { by: "test" }),
  tag: (client) => client.tag(run, { by: "test" }, { add: ["tag"], remove: [] }),
  runs: (client) => client.runs({ limit: 5 }),
  logs: (client) => Array.fromAsync(client.logs({ run })),
  tokens: (client) => client.tokens(),
  revoke: (client) => client.revokeToken("sw_000000000000"),
};

test("no token is in logs, the audit trail, the ledger or an error", { timeout: 30_000 }, async (context) => {
  const border = await openBorder(context);
  const { token, tokens, house, authority, coordinator, audit } = border;
  const secrets: string[] = [];
  const told: unknown[] = [];
  const noted = (text: string): string => {
    secrets.push(text.slice("sw_000000000000_".length));
    return text;
  };
  const connect = async (text: string): Promise<void> => {
    const endpoint = { tls: { ca: authority.ca }, token: text };
    const worker = new SimulatedWorker({
      address: coordinator.address,
      endpoint,
      id: `w-${secrets.length}`,
      slots: 1,
      execute: () => null,
    });
    await worker.connect();
    told.push(worker.received, worker.end);
    worker.disconnect();
  };
  // Whatever chance brings, there is a run in the ledger and a worker in the log.
  const admin = noted(token({ role: "admin" }));
  await border.client({ token: admin }).submit(submission(graph));
  await connect(admin);
  const deed = fc.record({
    role: fc.constantFrom(...roles),
    namespace: fc.constantFrom(null, "user:eve"),
    fate: fc.constantFrom("good", "revoked", "damaged", "connects"),
    deed: fc.constantFrom(...Object.keys(deeds)),
  });
  await fc.assert(
    fc.asyncProperty(deed, async ({ role, namespace, fate, deed }) => {
      const text = noted(token({ role, namespace: role === "admin" ? null : namespace }));
      if (fate === "revoked") tokens.revoke(text.slice(0, "sw_000000000000".length));
      const shown = fate === "damaged" ? `${text}x` : text;
      const client = border.client({ token: shown });
      house.clock.advance(60_000);
      if (fate === "connects") await connect(shown);
      told.push(await deeds[deed]?.(client).catch((error: unknown) => [String(error), (error as Error).stack]));
      client.close();
    }),
    { numRuns: 80 },
  );
  const events: unknown[] = [];
  for (const { run } of (await coordinator.control.runs({ limit: 100 })).items) events.push(await house.events(run));
  const everything = JSON.stringify([told, house.log.entries, audit, events]);
  assert.ok(secrets.length >= 80 && events.length > 0 && audit.length > 0 && house.log.entries.length > 0);
  assert.deepEqual(
    secrets.filter((secret) => everything.includes(secret)),
    [],
  );
});
