// Who is let in to a coordinator, and what it shows of itself: tokens, an audit trail, and a certificate of its own authority
// or one that it was given.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FileAuditTrail } from "../../coordinator/adapters/file-audit-trail.ts";
import { openTokens } from "../../coordinator/adapters/file-tokens.ts";
import type { Authority } from "../../coordinator/adapters/tls/authority.ts";
import type { RenewalOptions } from "../../coordinator/adapters/tls/renewal.ts";
import type { ServerTls } from "../../coordinator/api/server-tls.ts";
import type { CoordinatorOptions } from "../../coordinator/main.ts";
import type { Clock } from "../../coordinator/ports/clock.ts";
import type { CoordinatorLog } from "../../coordinator/shell/log.ts";
import { isLocal } from "../../sdk/wire/endpoint.ts";
import { CliError } from "../cli-error.ts";
import type { Settings } from "../settings.ts";

export type GuardOptions = {
  readonly settings: Settings;
  readonly folder: string;
  /** Where it will listen, for gRPC and for HTTP: one certificate is for both. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly log: CoordinatorLog;
};

export type Guard = {
  /** Null: plain. */
  readonly tls: TlsSource | null;
  /** Of its own authority; null where it doesn't use that. */
  readonly fingerprint: string | null;
  /** Null: everybody who can connect may do everything. */
  readonly access: NonNullable<CoordinatorOptions["access"]> | null;
  /** With the first admin's token; null where there is none any more. */
  readonly tokenFile: string | null;
};

/** `load` may be asked again for what has changed; `remedy` is what is to be done before the certificate ends. */
type TlsSource = Pick<RenewalOptions, "load" | "remedy">;

export async function openGuard(options: GuardOptions): Promise<Guard> {
  const { settings, folder, clock, log } = options;
  const trust = await openTrust(options);
  if (settings.auth === "off") {
    const open = options.hosts.find((host) => !isLocalHost(host));
    if (open !== undefined) log.warn({ event: "auth.off", listen_host: open }, "whoever can connect here may do everything: --auth off");
    return { ...trust, access: null, tokenFile: null };
  }
  const { tokens, adminTokenFile } = openTokens(folder, clock);
  if (adminTokenFile !== null) log.info({ event: "auth.firstAdmin", file: adminTokenFile }, "the first admin's token is in a file");
  const audit = new FileAuditTrail({ path: join(folder, "audit.jsonl"), log });
  const file = join(folder, "admin-token");
  return { ...trust, access: { tokens, audit, issueCertificate: trust.issue }, tokenFile: existsSync(file) ? file : null };
}

type Trust = Pick<Guard, "tls" | "fingerprint"> & { readonly issue: NonNullable<Guard["access"]>["issueCertificate"] };

async function openTrust({ settings, folder, hosts, clock }: GuardOptions): Promise<Trust> {
  const { certFile, keyFile, caFile, clientCertificates } = settings;
  if (settings.tls === "off" || (settings.tls === "auto" && hosts.every(isLocalHost) && certFile === "" && !clientCertificates))
    return { tls: null, fingerprint: null, issue: null };
  if (certFile !== "" || keyFile !== "") {
    const load = (): ServerTls => ({
      cert: read(certFile, "certFile"),
      key: read(keyFile, "keyFile"),
      clientCa: caFile === "" ? null : read(caFile, "caFile"),
    });
    const remedy = `put another one into ${certFile}, where it is looked for every hour`;
    return { tls: { load, remedy }, fingerprint: null, issue: null };
  }
  const { openAuthority } = await import("../../coordinator/adapters/tls/authority.ts");
  // An address that it is told to listen at may be one that the machine does not have yet.
  const names = [...settings.tlsNames.split(",").filter((name) => name !== ""), ...hosts.filter((host) => !isAnyHost(host))];
  const open = (): Authority => openAuthority({ folder: join(folder, "tls"), names, nowMs: clock.nowMs(), clientCertificates });
  const authority = open();
  return {
    tls: { load: () => open().server, remedy: "the log says under tls.notRenewed why it could not make itself another one" },
    fingerprint: authority.fingerprint,
    issue: clientCertificates ? (name, days) => ({ ...authority.issueClient(name, days), ca: authority.ca }) : null,
  };
}

/** Stands for all addresses of the machine. */
function isAnyHost(host: string): boolean {
  return ["", "0.0.0.0", "::", "[::]"].includes(host);
}

function isLocalHost(host: string): boolean {
  return isLocal({ kind: "tcp", host, port: 0 });
}

/** @throws CliError badConfig */
function read(file: string, setting: string): string {
  if (file === "") throw new CliError("badConfig", `a certificate needs its key and the other way round: ${setting} is missing`);
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CliError("badConfig", `${setting}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
