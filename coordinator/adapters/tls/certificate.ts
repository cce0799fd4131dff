// Makes X.509 certificates: of an authority, and of a server or a client that it vouches for. All keys are P-256.

import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIP } from "node:net";
import { bits, context, flag, identifier, integer, octets, sequence, set, time, utf8, type Der } from "./der.ts";

/** PEM. */
export type Certified = { readonly cert: string; readonly key: string };

export type Validity = { readonly fromMs: number; readonly days: number };

export type Issuer = { readonly name: string; readonly key: KeyObject };

const dayMs = 86_400_000;
/** Clocks differ: a certificate holds a little before it was made. */
const skewMs = 3_600_000;

const ecdsaWithSha256 = sequence(identifier("1.2.840.10045.4.3.2"));
const purposes = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;

export function makeAuthority(name: string, validity: Validity): Certified {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const extensions = [
    extension("2.5.29.19", sequence(flag(true), integer(Buffer.from([0]))), true), // It signs no other authorities.
    extension("2.5.29.15", bits(Buffer.from([0x06]), 1), true), // To sign certificates and lists of revoked ones.
    keyName(publicKey),
  ];
  return certified({ subject: name, issuer: { name, key: privateKey }, publicKey, validity, extensions }, privateKey);
}

export type LeafRequest = {
  readonly subject: string;
  readonly purpose: keyof typeof purposes;
  /** Host names and addresses. */
  readonly names: readonly string[];
  readonly validity: Validity;
};

export function makeLeaf(issuer: Issuer, { subject, purpose, names, validity }: LeafRequest): Certified {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const extensions = [
    extension("2.5.29.19", sequence(), true),
    extension("2.5.29.15", bits(Buffer.from([0x80]), 7), true), // To sign with: what a handshake does.
    extension("2.5.29.37", sequence(identifier(purposes[purpose]))),
    keyName(publicKey),
    extension("2.5.29.35", sequence(context(0, keyHash(createPublicKey(issuer.key))))),
    ...(names.length === 0 ? [] : [extension("2.5.29.17", sequence(...names.map(alternativeName)))]),
  ];
  return certified({ subject, issuer, publicKey, validity, extensions }, privateKey);
}

type Content = {
  readonly subject: string;
  readonly issuer: Issuer;
  readonly publicKey: KeyObject;
  readonly validity: Validity;
  readonly extensions: readonly Der[];
};

function certified({ subject, issuer, publicKey, validity, extensions }: Content, key: KeyObject): Certified {
  const content = sequence(
    context(0, integer(Buffer.from([2])), true), // Version 3.
    integer(Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
    ecdsaWithSha256,
    distinguished(issuer.name),
    sequence(time(validity.fromMs - skewMs), time(validity.fromMs + validity.days * dayMs)),
    distinguished(subject),
    publicKey.export({ type: "spki", format: "der" }),
    context(3, sequence(...extensions), true),
  );
  const whole = sequence(content, ecdsaWithSha256, bits(sign("sha256", content, issuer.key)));
  const lines = whole.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n");
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function distinguished(commonName: string): Der {
  return sequence(set(sequence(identifier("2.5.4.3"), utf8(commonName))));
}

function extension(id: string, value: Der, critical = false): Der {
  return sequence(identifier(id), ...(critical ? [flag(true)] : []), octets(value));
}

function keyName(key: KeyObject): Der {
  return extension("2.5.29.14", octets(keyHash(key)));
}

function keyHash(key: KeyObject): Buffer {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest()
    .subarray(0, 20);
}

function alternativeName(name: string): Der {
  const family = isIP(name);
  if (family === 4) return context(7, Buffer.from(name.split(".").map(Number)));
  return family === 6 ? context(7, sixteenBytes(name)) : context(2, Buffer.from(name, "latin1"));
}

/** Of an IPv6 address; the last two groups may be written as an IPv4 address. */
function sixteenBytes(address: string): Buffer {
  const hexadecimal = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...four: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = four.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [before = "", after] = hexadecimal.split("::");
  const left = before === "" ? [] : before.split(":");
  const right = after === undefined || after === "" ? [] : after.split(":");
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return Buffer.from(groups.map((group) => group.padStart(4, "0")).join(""), "hex");
}
