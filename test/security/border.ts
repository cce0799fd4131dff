// A coordinator behind its border, for tests: TLS of its own authority, tokens, an audit trail that the test reads.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { openTokens, type FileTokens } from "../../coordinator/adapters/file-tokens.ts";
import { openAuthority, type Authority } from "../../coordinator/adapters/tls/authority.ts";
import type { ServerTls } from "../../coordinator/api/server-tls.ts";
import type { Coordinator } from "../../coordinator/main.ts";
import type { BlobAccess } from "../../coordinator/ports/blob-access.ts";
import type { AuditEntry, AuditTrail } from "../../coordinator/ports/audit-trail.ts";
import type { TokenRequest } from "../../proto/token.ts";
import { connectControl, type ControlClient } from "../../sdk/wire/control-client.ts";
import type { Endpoint } from "../../sdk/wire/endpoint.ts";
import { House } from "../coordinator/harness.ts";

export type BorderOptions = {
  /** By default TLS with no client certificates. */
  readonly tls?: "off" | "clientCertificates";
  readonly tokens?: "off";
  readonly names?: readonly string[];
  /** Where it listens; it is connected to at 127.0.0.1. */
  readonly host?: string;
  readonly blobs?: BlobAccess;
  readonly onRenewed?: ServerTls["onRenewed"];
};

export type Border = {
  readonly house: House;
  readonly coordinator: Coordinator;
  readonly tokens: FileTokens;
  readonly authority: Authority;
  readonly audit: readonly AuditEntry[];
  readonly endpoint: Endpoint;
  /** The token itself. */
  token(request: Partial<TokenRequest>): string;
  client(over?: Partial<Endpoint>): ControlClient;
};

export async function openBorder(context: TestContext, options: BorderOptions = {}): Promise<Border> {
  const house = await House.open(context);
  const folder = mkdtempSync(join(tmpdir(), "stepwell-border-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const { tokens } = openTokens(folder, house.clock);
  const authority = openAuthority({
    folder: join(folder, "tls"),
    names: options.names ?? [],
    nowMs: Date.now(),
    clientCertificates: options.tls === "clientCertificates",
  });
  const entries: AuditEntry[] = [];
  const audit: AuditTrail = { record: (entry) => void entries.push(entry), close: () => Promise.resolve() };
  const issueCertificate = (name: string, days: number) => ({ ...authority.issueClient(name, days), ca: authority.ca });
  const renewal = options.onRenewed === undefined ? {} : { onRenewed: options.onRenewed };
  const coordinator = await house.start({
    listen: { host: options.host ?? "127.0.0.1", port: 0, tls: options.tls === "off" ? null : { ...authority.server, ...renewal } },
    blobs: options.blobs ?? null,
    access: options.tokens === "off" ? null : { tokens, audit, issueCertificate },
  });
  const endpoint: Endpoint = {
    address: coordinator.address.replace(/^.*:/, "127.0.0.1:"),
    ...(options.tls !== "off" && { tls: { fingerprint: authority.fingerprint } }),
  };
  return {
    house,
    coordinator,
    tokens,
    authority,
    audit: entries,
    endpoint,
    token: (request) => tokens.create({ name: "test", role: "reader", namespace: null, pool: null, ttlSeconds: null, ...request }).token,
    client: (over = {}) => {
      const client = connectControl({ ...endpoint, ...over });
      context.after(() => client.close());
      return client;
    },
  };
}
