// Tells a gRPC server what it shows to those who connect, and tells it again when that is renewed; connections that are open stay.

import type { experimental } from "@grpc/grpc-js";
import type { CertifiedKey } from "./server-tls.ts";

type Provider = experimental.CertificateProvider;
type AuthorityListener = Parameters<Provider["addCaCertificateListener"]>[0];
type IdentityListener = Parameters<Provider["addIdentityCertificateListener"]>[0];

export class ShownCertificate implements Provider {
  readonly #clientCa: string | null;
  readonly #listeners = new Set<IdentityListener>();
  #current: CertifiedKey;

  constructor(current: CertifiedKey, clientCa: string | null) {
    this.#current = current;
    this.#clientCa = clientCa;
  }

  show(renewed: CertifiedKey): void {
    this.#current = renewed;
    for (const listener of this.#listeners) this.#tell(listener);
  }

  // Who adds a listener is ready for what it is told in the next turn only.

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#listeners.add(listener);
    queueMicrotask(() => this.#tell(listener));
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#listeners.delete(listener);
  }

  addCaCertificateListener(listener: AuthorityListener): void {
    const ca = this.#clientCa;
    if (ca !== null) queueMicrotask(() => listener({ caCertificate: Buffer.from(ca) }));
  }

  removeCaCertificateListener(): void {
    // It is told once.
  }

  #tell(listener: IdentityListener): void {
    const { cert, key } = this.#current;
    listener({ certificate: Buffer.from(cert), privateKey: Buffer.from(key) });
  }
}
