// A coordinator's own authority and its certificate, kept in its data folder: made at the first start, so that a cluster
// has TLS without anybody's help.
//
// T1. The authority stays: who has its fingerprint keeps trusting the coordinator, whatever its certificate.
// T2. The certificate is made anew when it nears its end or lacks a name that is asked for.
// T3. Keys are readable for their owner alone.

import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import type { ServerTls } from "../../api/server-tls.ts";
import { writeDurably } from "../durable-file.ts";
import { makeAuthority, makeLeaf, type Certified, type Issuer } from "./certificate.ts";

export type Authority = {
  readonly ca: string;
  /** SHA-256 in 64 hexadecimal digits: what a person compares, and what a join command carries. */
  readonly fingerprint: string;
  readonly server: ServerTls;
  /** For a client of a server that asks for certificates. */
  issueClient(name: string, days: number): Certified;
};

export type AuthorityOptions = {
  readonly folder: string;
  /** Host names and addresses beside those of this machine. */
  readonly names: readonly string[];
  readonly nowMs: number;
  /** Clients must show a certificate of this authority. */
  readonly clientCertificates: boolean;
};

const authorityDays = 3650;
const serverDays = 730;
/** A certificate with fewer days left is replaced, so a coordinator that runs on is good for half a year at least. */
const renewDays = 183;
const dayMs = 86_400_000;

/** @throws Error naming the file that is damaged or can't be written */
export function openAuthority({ folder, names, nowMs, clientCertificates }: AuthorityOptions): Authority {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ca =
    keptAuthority(folder) ??
    write(folder, "ca", makeAuthority(`Stepwell authority ${randomBytes(4).toString("hex")}`, { fromMs: nowMs, days: authorityDays }));
  const certificate = new X509Certificate(ca.cert);
  const issuer: Issuer = { name: commonNameOf(certificate), key: createPrivateKey(ca.key) };
  const wanted = [...new Set([...namesOfMachine(), ...names])].sort();
  const make = (): Certified =>
    makeLeaf(issuer, { subject: "Stepwell coordinator", purpose: "server", names: wanted, validity: { fromMs: nowMs, days: serverDays } });
  const server = keptServer(folder, { certificate, wanted, nowMs }) ?? write(folder, "server", make());
  return {
    ca: ca.cert,
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    // With the authority itself, so that a client who knows only its fingerprint can fetch it.
    server: { cert: server.cert + ca.cert, key: server.key, clientCa: clientCertificates ? ca.cert : null },
    issueClient: (name, days) => makeLeaf(issuer, { subject: name, purpose: "client", names: [], validity: { fromMs: nowMs, days } }),
  };
}

function namesOfMachine(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  return ["localhost", "127.0.0.1", "::1", hostname(), ...addresses];
}

type Wanted = { readonly certificate: X509Certificate; readonly wanted: readonly string[]; readonly nowMs: number };

/** Null where there is none yet. Damage is no reason to make another: all who trust this one would have to be told. */
function keptAuthority(folder: string): Certified | null {
  if (!existsSync(join(folder, "ca.pem"))) return null;
  try {
    return read(folder, "ca");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `the authority in ${folder} cannot be used (${reason}): bring ca.pem and ca-key.pem back from a backup, or remove both and tell everybody the new fingerprint`,
      { cause: error },
    );
  }
}

/** Null where there is none that will do (T2). */
function keptServer(folder: string, { certificate, wanted, nowMs }: Wanted): Certified | null {
  try {
    const kept = read(folder, "server");
    const server = new X509Certificate(kept.cert);
    const isOurs = server.checkIssued(certificate) && server.verify(certificate.publicKey);
    const lasts = Date.parse(server.validTo) - nowMs >= renewDays * dayMs;
    const isFor = (name: string): boolean =>
      (isIP(name) === 0 ? server.checkHost(name.replace(/^\*/, "any")) : server.checkIP(name)) !== undefined;
    return isOurs && lasts && wanted.every(isFor) ? kept : null;
  } catch {
    return null;
  }
}

function read(folder: string, name: string): Certified {
  const [cert, key] = [readFileSync(join(folder, `${name}.pem`), "utf8"), readFileSync(join(folder, `${name}-key.pem`), "utf8")];
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) throw new Error("the key is not the certificate's");
  return { cert, key };
}

/** The key first: a certificate that is there has its key. */
function write(folder: string, name: string, made: Certified): Certified {
  writeDurably(join(folder, `${name}-key.pem`), made.key);
  writeDurably(join(folder, `${name}.pem`), made.cert);
  return made;
}

function commonNameOf(certificate: X509Certificate): string {
  return /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? certificate.subject;
}
