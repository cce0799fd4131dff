// Fetches the authority that a coordinator shows, and accepts it only if it is the one whose fingerprint was given. The
// connections that follow verify the coordinator's certificate and name against it as usual.

import { connect, type TLSSocket } from "node:tls";
import type { X509Certificate } from "node:crypto";
import type { EndpointTls } from "./endpoint.ts";

/** The other side is not what it should be: trying again would not help. */
export class TrustError extends Error {
  override readonly name = "TrustError";
}

/** Of a connection that only asks who is there. Milliseconds. */
const askMs = 5000;
/** What a server takes to look at a client's certificate. */
const judgeMs = 1000;
const chainMax = 8;

type Peer = { readonly host: string; readonly port: number };

/** @returns its PEM. @throws TrustError; or an Error when nobody answers */
export async function fetchAuthority(peer: Peer, tls: EndpointTls & { readonly fingerprint: string }): Promise<string> {
  const wanted = plainFingerprint(tls.fingerprint);
  if (wanted === null)
    throw new TrustError(`"${tls.fingerprint}" is not a fingerprint: expected 64 hexadecimal digits, with or without colons`);
  const chain = chainOf(await shake(peer, tls));
  const authority = chain.find((one) => one.ca && plainFingerprint(one.fingerprint256) === wanted);
  if (authority !== undefined) return authority.toString();
  const shown = chain
    .findLast((one) => one.ca)
    ?.fingerprint256.replaceAll(":", "")
    .toLowerCase();
  throw new TrustError(
    `${peer.host}:${peer.port} is not the coordinator that you were told of: its authority has the fingerprint ${shown ?? "of none"}, not ${wanted}. ` +
      "Ask who runs the coordinator for the fingerprint that it shows now; if it was not set up again, somebody is in between",
  );
}

/** When the certificate that is shown there ends. @throws Error when nobody answers, or not in TLS */
export async function certificateEndsAtMs(peer: Peer, tls: EndpointTls): Promise<number | null> {
  const [certificate] = chainOf(await shake(peer, tls));
  return certificate === undefined ? null : Date.parse(certificate.validTo);
}

/** Whether something speaks TLS there. Never throws. */
export async function speaksTls(peer: Peer): Promise<boolean> {
  return shake(peer, {}).then(
    (socket) => {
      socket.destroy();
      return true;
    },
    () => false,
  );
}

/** Whether who is there ends the connection because of the certificate that was shown, or was not. Never throws. */
export async function refusesClient(peer: Peer, tls: EndpointTls): Promise<boolean> {
  try {
    const socket = await shake(peer, tls);
    // It has shown its own certificate by now; what it thinks of the client's comes after that.
    return await new Promise<boolean>((resolve) => {
      socket.setTimeout(judgeMs, () => resolve(false));
      // Some say why, some just go.
      socket.once("close", () => resolve(true));
    }).finally(() => socket.destroy());
  } catch (error) {
    return error instanceof Error && /alert/i.test(error.message);
  }
}

/** In lower case and without colons; null for what is none. */
function plainFingerprint(text: string): string | null {
  const plain = text.replaceAll(":", "").toLowerCase();
  return /^[0-9a-f]{64}$/.test(plain) ? plain : null;
}

/** Trusts nothing yet: nothing is sent, and the chain is judged by its fingerprint. */
function shake({ host, port }: Peer, { cert, key }: EndpointTls): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ["h2"], ...(cert !== undefined && { cert, key }) });
    socket.setTimeout(askMs, () => socket.destroy(new Error(`${host}:${port} does not answer`)));
    socket.once("secureConnect", () => resolve(socket));
    // One that wants a certificate of its client closes after it has shown its own.
    socket.on("error", reject);
  });
}

function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let one = socket.getPeerX509Certificate();
  while (one !== undefined && chain.length < chainMax && !chain.some(({ fingerprint256 }) => fingerprint256 === one?.fingerprint256)) {
    chain.push(one);
    one = one.issuerCertificate;
  }
  socket.destroy();
  return chain;
}
